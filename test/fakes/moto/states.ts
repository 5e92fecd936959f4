import type { Clock } from '../../../src/core/clock.ts';

/** How long moto's instances take, in milliseconds. */
export interface Times {
  /** From RunInstances until an instance runs. */
  readonly pendingMs: number;
  /** From TerminateInstances until it is terminated. */
  readonly stoppingMs: number;
  /** From running until its status checks pass. */
  readonly statusMs: number;
  /** From the creation of an instance, group, volume or interface until others than its creator see it. */
  readonly visibleMs: number;
}

export const INSTANCE_STATES = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48, stopping: 64, stopped: 80 } as const;
export type InstanceState = keyof typeof INSTANCE_STATES;

/** EC2 lists a terminated instance for about an hour. */
const LISTED_AFTER_END_MS = 3_600_000;

interface Life {
  readonly begunAt: number;
  endedAt?: number;
}

/** What moto has no time for: when things began and ended, and so what state they are in and whether they can be seen. */
export class States {
  readonly #lives = new Map<string, Life>();
  /** Network interfaces and the instance that each came with. */
  readonly #homes = new Map<string, string>();
  readonly #appeared = new Map<string, number>();
  readonly #impaired = new Set<string>();
  readonly #clock: Clock;
  readonly #times: () => Times;

  constructor(clock: Clock, times: () => Times) {
    this.#clock = clock;
    this.#times = times;
  }

  /** An instance was made, with its network interfaces. */
  begin(id: string, interfaces: readonly string[]): void {
    this.#lives.set(id, { begunAt: this.#clock.now() });
    this.appear(id);
    for (const made of interfaces) {
      this.#homes.set(made, id);
      this.appear(made);
    }
  }

  /** An instance was asked to end; asking again changes nothing. */
  end(id: string): void {
    const life = this.#lives.get(id) ?? { begunAt: -Infinity };
    life.endedAt ??= this.#clock.now();
    this.#lives.set(id, life);
  }

  /** Something was made that is not at once seen by all. */
  appear(id: string): void {
    this.#appeared.set(id, this.#clock.now());
  }

  /** Lets an instance's status checks fail from now on. */
  impair(id: string): void {
    this.#impaired.add(id);
  }

  /** The state of an instance now. @param told what moto says of it */
  stateOf(id: string, told: InstanceState): InstanceState {
    const life = this.#lives.get(id);
    const { pendingMs, stoppingMs } = this.#times();
    if (told === 'terminated' || told === 'shutting-down') return this.#since(life?.endedAt) < stoppingMs ? 'shutting-down' : 'terminated';
    return told === 'running' && this.#since(life?.begunAt) < pendingMs ? 'pending' : told;
  }

  /** What the status checks of an instance say that is in this state. */
  checksOf(id: string, state: InstanceState): 'ok' | 'impaired' | 'initializing' | 'not-applicable' {
    if (state !== 'running') return 'not-applicable';
    if (this.#impaired.has(id)) return 'impaired';
    const { pendingMs, statusMs } = this.#times();
    return this.#since(this.#lives.get(id)?.begunAt) < pendingMs + statusMs ? 'initializing' : 'ok';
  }

  /** True for an instance that was asked to end, however long ago. */
  isEnding(id: string): boolean {
    return this.#lives.get(id)?.endedAt !== undefined;
  }

  /** True while some instance is shutting down. */
  get anyEnding(): boolean {
    return [...this.#lives.values()].some(({ endedAt }) => this.#since(endedAt) < this.#times().stoppingMs);
  }

  /** True for what is not to be seen: made a moment ago, or gone. */
  hides(id: string): boolean {
    return this.#since(this.#appeared.get(id)) < this.#times().visibleMs || this.isGone(id);
  }

  /** True for an instance that ended long ago, and for an interface whose instance has ended: EC2 has neither any more. */
  isGone(id: string): boolean {
    return this.#endedFor(id, LISTED_AFTER_END_MS) || this.#endedFor(this.#homes.get(id), 0);
  }

  forget(): void {
    this.#lives.clear();
    this.#homes.clear();
    this.#appeared.clear();
    this.#impaired.clear();
  }

  /** True where an instance has been terminated for so long. */
  #endedFor(id: string | undefined, ms: number): boolean {
    const ended = id === undefined ? Infinity : this.#since(this.#lives.get(id)?.endedAt);
    return ended !== Infinity && ended >= this.#times().stoppingMs + ms;
  }

  /** Infinity for what never was. */
  #since(at: number | undefined): number {
    return at === undefined ? Infinity : this.#clock.now() - at;
  }
}
