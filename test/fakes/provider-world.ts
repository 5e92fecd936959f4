import { InternalError } from '../../src/core/errors.ts';
import type { FaultNote } from '../../src/core/events.ts';
import type { Tags } from '../../src/core/tags.ts';
import type { Desire, ResourceKind } from '../../src/plan/plan.ts';
import { Fault } from '../../src/providers/fault.ts';
import type { Place, SpinRef, Target, Unasked } from '../../src/providers/provider.ts';

/** The verbs that can be scripted. */
export type Verb =
  | 'locate'
  | 'mark'
  | 'own'
  | 'preflight'
  | 'create'
  | 'observe'
  | 'nextChange'
  | 'release'
  | 'inventory'
  | 'reclaim'
  | 'enforce'
  | 'enforcers';

/** One thing that the fake has made. */
export interface Thing {
  readonly spin: SpinRef;
  readonly key: string;
  readonly kind: ResourceKind;
  readonly token: string;
  readonly createdAt: number;
  tags: Tags;
  desire: Desire;
  needs: readonly string[];
  /** Serial numbers of its instances; each is unique in the world, so that a kept instance can be told from a new one. */
  instances: number[];
  /** What `${services.*}` stood for when it was made: the service's environment, bound. */
  env: Readonly<Record<string, string>>;
  /** Looks before it does what it is for. */
  notReadyFor: number;
  /** Looks before a deletion that was asked for is done; undefined while none was. */
  leavesIn: number | undefined;
  failure: FaultNote | undefined;
  orphanSince?: number | undefined;
  /** Which alternative it was made from. */
  attempt: number;
}

interface Script {
  readonly verb: Verb;
  /** Key or address; undefined for any. */
  readonly of: string | undefined;
  /** Before the effect, or after it: the answer is lost. */
  readonly when: 'before' | 'after';
  readonly act: (signal: AbortSignal) => Promise<void>;
  left: number;
}

interface ScriptOptions {
  readonly of?: string;
  readonly times?: number;
  readonly when?: Script['when'];
}

/** What the fake provider's things live in; it outlives the providers that look into it, as a cloud outlives the commands. provider.md tells more. */
export class World {
  readonly things = new Map<string, Thing>();
  /** Every making of an instance of a service, or of another resource: `service.web@1.1`. A resource made twice is in it twice. */
  readonly made: string[] = [];
  /** Every call that reached the provider: `create service.web@1`, `observe`. */
  readonly calls: string[] = [];
  /** Highest fencing number seen, by incarnation. */
  readonly fences = new Map<string, number>();
  /** Deadline that is enforced, by incarnation. */
  readonly deadlines = new Map<string, number>();
  /** Grows with every change that an observation could show. */
  version = 0;
  /** Looks that a service's deletion takes. */
  releaseLooks = 1;
  /** What preflight finds wrong. */
  broken: string | undefined;
  /** The state location that asks. */
  stateTag = 'state';
  /** Where new spins live, and what the credentials reach and an inventory looks into by itself. */
  place: Place = {};
  /** Kinds that are listed only where a sweep looks beyond the config. */
  readonly beyond = new Set<ResourceKind>();
  /** What cannot be asked for there. */
  unasked: readonly Unasked[] = [];
  /** Orphans can be marked. */
  marks = false;
  /** Observations cannot tell anything. */
  blind = false;
  /** Spent tokens: what was deleted is not made again under the same name. */
  readonly spent = new Set<string>();
  readonly #scripts: Script[] = [];
  readonly #delays = new Map<string, number>();
  readonly #failures = new Map<string, FaultNote>();
  #serial = 0;

  /** Lets the next calls of a verb fail. `when: 'after'` loses the answer of a call that had its effect. */
  fail(verb: Verb, fault: Fault, options: ScriptOptions = {}): void {
    this.#script(verb, options, () => Promise.reject(fault));
  }

  /** Lets the next call of a verb hang until its signal aborts. */
  hang(verb: Verb, options: ScriptOptions = {}): void {
    this.#script(verb, options, untilAborted);
  }

  /** Runs something in the middle of the next call of a verb. */
  during(verb: Verb, act: Script['act'], options: ScriptOptions = {}): void {
    this.#script(verb, options, act);
  }

  /** What is made at an address, or under a key, is ready only after this many looks; Infinity: until `ready`. */
  delay(of: string, looks: number): void {
    this.#delays.set(of, looks);
  }

  ready(of: string): void {
    this.#delays.delete(of);
    for (const thing of this.at(of)) thing.notReadyFor = 0;
    this.version++;
  }

  /** What is, or will be, at an address or key says that it will not come up; undefined mends it. */
  ail(of: string, failure: FaultNote | undefined): void {
    if (failure === undefined) this.#failures.delete(of);
    else this.#failures.set(of, failure);
    for (const thing of this.at(of)) thing.failure = failure;
    this.version++;
  }

  /** The things at an address, or under a key; all without one. */
  at(of?: string): readonly Thing[] {
    return [...this.things.values()].filter((thing) => of === undefined || matches(thing.key, of));
  }

  /** The only thing at an address or key. */
  one(of: string): Thing {
    const [thing, ...others] = this.at(of);
    if (thing === undefined || others.length > 0) throw new InternalError(`${of}: ${others.length + (thing === undefined ? 0 : 1)} things`);
    return thing;
  }

  /** Takes things away behind everybody's back. */
  lose(of: string): void {
    for (const thing of this.at(of)) this.things.delete(thingKey(thing.spin, thing.key));
    this.version++;
  }

  /** Puts a thing there that nobody asked for, as like another as wanted. */
  plant(like: Thing, change: Partial<Thing> = {}): void {
    const thing = { ...like, instances: [++this.#serial], ...change };
    this.things.set(thingKey(thing.spin, thing.key), thing);
    this.version++;
  }

  find(target: Pick<Target, 'spin' | 'key'>): Thing | undefined {
    return this.things.get(thingKey(target.spin, target.key));
  }

  /** Makes the thing, or what it lacks of its wanted count. */
  make(target: Target, tags: Tags, env: Readonly<Record<string, string>>, now: number): Thing {
    const { spin, key, kind, token, desire, needs, count, attempt = 0 } = target;
    const thing = this.find(target) ?? {
      spin,
      key,
      kind,
      token,
      tags,
      desire,
      needs,
      env,
      createdAt: now,
      attempt,
      instances: [],
      notReadyFor: this.#scriptedFor(this.#delays, key) ?? 0,
      leavesIn: undefined,
      failure: this.#scriptedFor(this.#failures, key),
    };
    if (thing.token !== token) throw new Fault('conflict', 'other-token', `${key} was made under another token`);
    thing.desire = desire;
    thing.needs = needs;
    thing.instances.length = Math.min(thing.instances.length, count);
    while (thing.instances.length < count) {
      thing.instances.push(++this.#serial);
      this.made.push(`${key}.${thing.instances.length}`);
    }
    this.things.set(thingKey(spin, key), thing);
    this.version++;
    return thing;
  }

  /** Why the place cannot be looked into: the credentials are of another account. */
  outOfReach({ account }: Place = {}): Fault | undefined {
    if (account === undefined || account === this.place.account) return undefined;
    return new Fault('denied', 'other-account', `the spin lives in account ${account}`);
  }

  /** One look at a thing: what was only a matter of time comes closer. */
  look(thing: Thing): void {
    if (thing.leavesIn !== undefined && thing.leavesIn-- <= 0) {
      this.things.delete(thingKey(thing.spin, thing.key));
      this.spent.add(thing.token);
      this.version++;
    } else if (thing.notReadyFor > 0) thing.notReadyFor--;
  }

  /** @throws Fault `fenced` where a higher number was seen */
  fence({ id, incarnation }: SpinRef, fence: number): void {
    const life = `${id}/${incarnation}`;
    if (fence < (this.fences.get(life) ?? 0)) throw new Fault('conflict', 'fenced', `${id}: ${fence} is not the newest lease`);
    this.fences.set(life, fence);
  }

  /** Goes around the effect of a call: notes it, and does what was scripted for it. */
  async around<T>(verb: Verb, key: string | undefined, signal: AbortSignal, effect: () => T | Promise<T>): Promise<T> {
    signal.throwIfAborted();
    this.calls.push(key === undefined ? verb : `${verb} ${key}`);
    await this.#play(verb, key, 'before', signal);
    signal.throwIfAborted();
    const result = await effect();
    await this.#play(verb, key, 'after', signal);
    return result;
  }

  #script(verb: Verb, { of, times = 1, when = 'before' }: ScriptOptions, act: Script['act']): void {
    this.#scripts.push({ verb, of, when, act, left: times });
  }

  async #play(verb: Verb, key: string | undefined, when: Script['when'], signal: AbortSignal): Promise<void> {
    const script = this.#scripts.find(
      (one) => one.verb === verb && one.when === when && one.left > 0 && (one.of === undefined || matches(key ?? '', one.of)),
    );
    if (script === undefined) return;
    script.left--;
    await script.act(signal);
  }

  #scriptedFor<T>(map: ReadonlyMap<string, T>, key: string): T | undefined {
    return [...map].find(([of]) => matches(key, of))?.[1];
  }
}

function matches(key: string, of: string): boolean {
  return key === of || key.split('@')[0] === of;
}

function thingKey({ id, incarnation }: SpinRef, key: string): string {
  return `${id}/${incarnation}/${key}`;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
