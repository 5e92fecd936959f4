/** The machine on a stage: a lease, a fake provider and a clock, without the use cases around it. */
import { makeIncarnation, parseSpinId } from '../../src/core/ids.ts';
import type { EventBody } from '../../src/core/events.ts';
import { converge } from '../../src/lifecycle/converge.ts';
import { dissolve } from '../../src/lifecycle/dissolve.ts';
import { type Decision, reconcile } from '../../src/lifecycle/reconcile.ts';
import { survey } from '../../src/lifecycle/survey.ts';
import type { Work } from '../../src/lifecycle/work.ts';
import { buildPlan } from '../../src/plan/build.ts';
import type { Shape } from '../../src/plan/build.ts';
import type { Spec } from '../../src/spec/spec.ts';
import type { ResourceRecord, SpinRecord } from '../../src/store/record.ts';
import { openSession, type Session } from '../../src/store/session.ts';
import type { ManualClock } from '../fakes/clock.ts';
import type { World } from '../fakes/provider-world.ts';
import { createFakeProvider } from '../fakes/provider.ts';
import { Place } from '../app/world.ts';
import { HOUR, record } from '../cost/records.ts';
import { InternalError } from '../../src/core/errors.ts';

export const SPIN = parseSpinId('shop');

export class Stage {
  readonly place: Place;
  readonly world: World;
  readonly clock: ManualClock;
  readonly events: EventBody[] = [];
  readonly stop = new AbortController();
  price: (shape: Shape) => number = () => 0;
  #work: Work | undefined;

  /** @param place where another stage has played before */
  constructor(place = new Place()) {
    this.place = place;
    this.world = place.world;
    this.clock = place.clock;
  }

  /** Brings everything to what the spec says, as `up` does. */
  async converge(spec: Spec): Promise<void> {
    const work = await this.work();
    await this.place.run(converge(work, await this.decide(spec)));
  }

  /** The same without turning the clock: for a test that looks on. */
  async begin(spec: Spec): Promise<{ readonly done: Promise<void> }> {
    const work = await this.work();
    const done = converge(work, await this.decide(spec));
    done.catch(() => undefined);
    await this.clock.advance(0);
    return { done };
  }

  async decide(spec: Spec): Promise<readonly Decision[]> {
    const work = await this.work();
    const { resources, assessments } = await survey(work, work.session.record);
    return reconcile(buildPlan(spec, { ...work.provider, price: this.price }), resources, assessments);
  }

  async actions(spec: Spec): Promise<Readonly<Record<string, string>>> {
    return Object.fromEntries((await this.decide(spec)).map(({ address, action }) => [address, action]));
  }

  async dissolve(): Promise<void> {
    await this.place.run(dissolve(await this.work()));
  }

  async work(): Promise<Work> {
    this.#work ??= this.workOn(await this.open());
    return this.#work;
  }

  /** Works under a lease that was taken elsewhere. */
  use(session: Session): void {
    this.#work = this.workOn(session);
  }

  workOn(session: Session): Work {
    const signal = AbortSignal.any([this.stop.signal, session.lost]);
    const call = { clock: this.clock, signal, emit: (event: EventBody) => void this.events.push(event) };
    return { session, provider: createFakeProvider(this.world), stateTag: 'state', interrupted: this.stop.signal, call };
  }

  /** Takes the lease; `preempt` as `down` does. */
  async open(take: 'claim' | 'preempt' = 'claim'): Promise<Session> {
    const holder = { host: 'here', pid: this.place.nextPid(), startTime: '1', user: 'ada', command: take === 'claim' ? 'up' : 'down' };
    const session = await openSession({
      store: this.place.store,
      id: SPIN,
      holder,
      clock: this.clock,
      alive: () => true,
      take,
      create: () => this.#fresh(),
    });
    if (session === undefined) throw new InternalError('no session');
    return session;
  }

  get record(): SpinRecord {
    if (this.#work === undefined) throw new InternalError('nothing was begun');
    return this.#work.session.record;
  }

  /** Changes what is written down about one resource, as a crash at a bad moment leaves it. */
  async rewrite(key: string, change: (resource: ResourceRecord) => ResourceRecord): Promise<void> {
    const { session } = await this.work();
    await session.update((latest) => {
      const resource = latest.resources[key];
      if (resource === undefined) throw new InternalError(`no ${key}`);
      return { ...latest, resources: { ...latest.resources, [key]: change(resource) } };
    });
  }

  /** Status by key. */
  statuses(): Readonly<Record<string, string>> {
    return Object.fromEntries(Object.values(this.record.resources).map(({ key, status }) => [key, status]));
  }

  /** Serial numbers of instances by key: the same number is the same instance. */
  serials(): Readonly<Record<string, readonly number[]>> {
    return Object.fromEntries(this.world.at().map(({ key, instances }) => [key, [...instances]]));
  }

  /** Creating and releasing calls since the last question, in their order. */
  moves(): readonly string[] {
    const moves = this.world.calls.filter((call) => /^(?:create|release) /.test(call));
    this.world.calls.length = 0;
    return moves;
  }

  #fresh(): SpinRecord {
    const now = this.clock.now();
    const { readyAt: _never, ...fresh } = record({
      id: SPIN,
      resources: [],
      provider: 'fake',
      createdAt: now,
      updatedAt: now,
      deadline: now + 4 * HOUR,
      place: this.world.place,
    });
    return { ...fresh, incarnation: makeIncarnation(now) };
  }
}
