import { DescribeInstancesCommand, EC2Client, type Instance, type Reservation } from '@aws-sdk/client-ec2';
import type { Incarnation } from '../../../core/ids.ts';
import { OWNED } from '../../../core/tags.ts';
import type { Call, SpinRef } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { unless } from '../fault-class.ts';
import { lives, type Machine, machineOf } from './machine.ts';
import { CONSISTENCY_WINDOW_MS } from '../observing.ts';
import { allPages } from '../pages.ts';
import { paceOf } from '../pace.ts';
import { guard } from '../place.ts';
import { Together } from '../together.ts';

/** As many reservations as one page may hold. */
const PAGE = 1_000;
/** As many values as one filter of EC2 may have. */
const MOST_VALUES = 200;
const LATELY_MS = 5_000;

interface Look {
  readonly at: number;
  readonly machines: readonly Machine[];
  /** What stood in it, to tell whether anything moves. */
  readonly states: string;
  /** Since when it is the same. */
  readonly since: number;
}

/** The machines of the spins that this process works on, those that were ended within the last hour among them. */
export class Machines {
  readonly #cloud: Cloud;
  readonly #together: Together<Machine>;
  readonly #byId: Together<Machine>;
  /** Whether this process launches all the machines that a life can have, and knows them. */
  readonly #whole = new Map<Incarnation, boolean>();
  readonly #looks = new Map<Incarnation, Look>();
  /** Launched by this process not long ago: a list may lack it, even one that follows a list that had it. */
  readonly #launched = new Map<string, { readonly machine: Machine; readonly at: number }>();
  /** Asked to end by this process not long ago: a list may show it as it was. */
  readonly #ending = new Map<string, number>();

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
    this.#together = new Together<Machine>({
      ask: (incarnations, call) => machinesWith(cloud, [{ Name: `tag:${OWNED.incarnation}`, Values: [...incarnations] }], call),
      keyOf: ({ owner }) => owner.incarnation,
      most: MOST_VALUES,
    });
    this.#byId = new Together<Machine>({ ask: (ids, call) => machinesBy(cloud, ids, call), keyOf: ({ id }) => id, most: PAGE });
  }

  /**
   * All machines of a spin as they are now, proven to be looked for where it lives: an empty answer from another account is none.
   * @throws Fault, `denied` where the credentials are those of another account; the call's abort reason
   */
  async of(spin: SpinRef, call: Call): Promise<readonly Machine[]> {
    return this.#keep(spin, await this.#together.of([spin.incarnation], call), call);
  }

  async #keep(spin: SpinRef, found: readonly Machine[], call: Call): Promise<readonly Machine[]> {
    const shown = found.filter(({ owner }) => owner.id === spin.id);
    if (!shown.some(({ account }) => account !== undefined && account === spin.place?.account)) await guard(this.#cloud, spin.place, call);
    const now = call.clock.now();
    const machines = [...shown.map((machine) => this.#corrected(machine, now)), ...this.#unshown(spin, shown, now)];
    const states = machines.map(({ id, state }) => `${id} ${state}`).join();
    const before = this.#looks.get(spin.incarnation);
    this.#looks.set(spin.incarnation, { at: now, machines, states, since: before?.states === states ? before.since : now });
    return machines;
  }

  /**
   * As `of`, or the answer before, as long as that is young enough for how long nothing has moved. Of a life that just began here all IDs
   * are known, and AWS answers for IDs sooner and faster than for tags.
   */
  async recent(spin: SpinRef, call: Call): Promise<readonly Machine[]> {
    const now = call.clock.now();
    const look = this.#looks.get(spin.incarnation);
    if (look !== undefined && now - look.at < paceOf(look.at - look.since)) return look.machines;
    this.#forgetOld(now);
    const ids = this.#whole.get(spin.incarnation) === true ? this.launched(spin) : [];
    const known = ids.length === 0 ? undefined : await unless(['InvalidInstanceID.NotFound'], () => this.#byId.of(ids, call));
    return known === undefined ? this.of(spin, call) : this.#keep(spin, known, call);
  }

  /** Notes that machines of a life are about to be launched, and whether it is their first launch by anyone. */
  launching({ incarnation }: SpinRef, first: boolean): void {
    this.#whole.set(incarnation, first && (this.#whole.get(incarnation) ?? true));
  }

  /** As `of`, or an answer of the last seconds: for what does not change so soon, such as whose machines they are and until when. */
  async lately(spin: SpinRef, call: Call): Promise<readonly Machine[]> {
    const look = this.#looks.get(spin.incarnation);
    return look !== undefined && call.clock.now() - look.at < LATELY_MS ? look.machines : this.of(spin, call);
  }

  /** True where this process has looked, and nothing was launched or ended since. */
  looked({ incarnation }: SpinRef): boolean {
    return this.#looks.has(incarnation);
  }

  /** Those that this process launched a moment ago. */
  launched(spin: SpinRef): readonly string[] {
    return [...this.#launched.values()].flatMap(({ machine: { id, owner } }) => (owner.incarnation === spin.incarnation ? [id] : []));
  }

  /** Those that were pending a few seconds ago, when this process looked last or was told that they are launched. */
  lastPending(spin: SpinRef, now: number): ReadonlySet<string> {
    const look = this.#looks.get(spin.incarnation);
    const seen = look !== undefined && now - look.at < LATELY_MS ? look.machines : [];
    const own = [...this.#launched.values()].filter(({ machine: { owner } }) => owner.incarnation === spin.incarnation);
    const told = own.filter(({ at }) => now - at < LATELY_MS).map(({ machine }) => machine);
    return new Set([...seen, ...told].flatMap(({ id, state }) => (state === 'pending' ? [id] : [])));
  }

  /** Forgets what was seen of a spin: its tags were changed. */
  forget(spin: SpinRef): void {
    this.#looks.delete(spin.incarnation);
  }

  /** Keeps what a launch answered, until lists show it. */
  remember(machines: readonly Machine[], now: number): void {
    for (const machine of machines) {
      this.#launched.set(machine.id, { machine, at: now });
      this.#looks.delete(machine.owner.incarnation);
    }
  }

  /** Notes machines that were asked to end. */
  ending(machines: readonly Pick<Machine, 'id' | 'owner'>[], now: number): void {
    for (const { id, owner } of machines) {
      this.#ending.set(id, now);
      this.#launched.delete(id);
      this.#whole.set(owner.incarnation, false);
      this.#looks.delete(owner.incarnation);
    }
  }

  #corrected(machine: Machine, now: number): Machine {
    const at = this.#ending.get(machine.id);
    if (at === undefined) return machine;
    if (now - at > CONSISTENCY_WINDOW_MS) this.#ending.delete(machine.id);
    return lives(machine) && now - at <= CONSISTENCY_WINDOW_MS ? { ...machine, state: 'shutting-down' } : machine;
  }

  /** A launch that is as old as the window must be shown by now, and the list of IDs is no longer whole. */
  #forgetOld(now: number): void {
    for (const [id, { machine, at }] of this.#launched) {
      if (now - at <= CONSISTENCY_WINDOW_MS) continue;
      this.#launched.delete(id);
      this.#whole.set(machine.owner.incarnation, false);
    }
  }

  #unshown(spin: SpinRef, shown: readonly Machine[], now: number): readonly Machine[] {
    const known = new Set(shown.map(({ id }) => id));
    this.#forgetOld(now);
    return [...this.#launched.values()]
      .map(({ machine }) => machine)
      .filter(({ id, owner }) => owner.incarnation === spin.incarnation && !known.has(id));
  }
}

/** Our machines among those of these IDs. @throws Fault `not-found` where one is not shown yet */
async function machinesBy(cloud: Cloud, ids: readonly string[], call: Call): Promise<readonly Machine[]> {
  const { Reservations } = await cloud.send(EC2Client, new DescribeInstancesCommand({ InstanceIds: [...ids] }), call);
  return (Reservations ?? []).flatMap(machinesIn);
}

/** Our machines that filters select, from every page. @throws Fault */
export async function machinesWith(
  cloud: Cloud,
  filters: readonly { readonly Name: string; readonly Values: readonly string[] }[],
  call: Call,
): Promise<readonly Machine[]> {
  const reservations = await allPages(async (from) => {
    const { Reservations, NextToken } = await cloud.send(
      EC2Client,
      new DescribeInstancesCommand({
        Filters: filters.map(({ Name, Values }) => ({ Name, Values: [...Values] })),
        MaxResults: PAGE,
        ...(from === undefined ? {} : { NextToken: from }),
      }),
      call,
    );
    return { items: Reservations, next: NextToken };
  });
  return reservations.flatMap(machinesIn);
}

/** Our machines among those of a reservation. */
export function machinesIn(reservation: Reservation): readonly Machine[] {
  return (reservation.Instances ?? []).flatMap((instance: Instance) => machineOf(instance, reservation.OwnerId) ?? []);
}
