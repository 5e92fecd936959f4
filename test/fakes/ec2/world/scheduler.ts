import { Refusal } from '../protocol/refusal.ts';

export interface TimedThing {
  readonly name: string;
  readonly arn: string;
  /** As it was written, such as `at(2030-01-02T03:04:05)`. */
  readonly expression: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly description: string | undefined;
  readonly state: 'ENABLED' | 'DISABLED';
  readonly target: {
    readonly Arn: string;
    readonly RoleArn: string;
    readonly Input?: string | undefined;
    readonly RetryPolicy?: object | undefined;
  };
  readonly after: 'NONE' | 'DELETE';
  readonly createdAt: number;
  readonly modifiedAt: number;
  readonly visibleAt: number;
  /** Grows along the order of making. */
  readonly serial: number;
}

/** The schedules of one region, all in the group `default`. */
export class SchedulerStore {
  readonly #schedules = new Map<string, TimedThing>();
  readonly #tokens = new Map<string, string>();

  /** @throws Refusal `ConflictException`: a name is taken at once, and by what is not shown yet too */
  create(schedule: TimedThing): void {
    if (this.#schedules.has(schedule.name)) throw new Refusal(409, 'ConflictException', `Schedule ${schedule.name} already exists.`);
    this.#schedules.set(schedule.name, schedule);
  }

  replace(schedule: TimedThing): void {
    this.#schedules.set(schedule.name, schedule);
  }

  /** @throws Refusal `ResourceNotFoundException` */
  must(name: string, now: number): TimedThing {
    const schedule = this.#schedules.get(name);
    if (schedule !== undefined && schedule.visibleAt <= now) return schedule;
    throw new Refusal(404, 'ResourceNotFoundException', `Schedule ${name} does not exist.`);
  }

  /** True while nothing has taken its place. */
  holds(schedule: TimedThing): boolean {
    return this.#schedules.get(schedule.name) === schedule;
  }

  delete(name: string): void {
    this.#schedules.delete(name);
  }

  /** Those that a list may show, or all, oldest first. */
  list(now = Infinity): readonly TimedThing[] {
    return [...this.#schedules.values()].filter(({ visibleAt }) => visibleAt <= now).toSorted((a, b) => a.serial - b.serial);
  }

  /** True where the token came with the same request before. @throws Refusal `ConflictException` where it came with another */
  replays(scope: string, token: string, fingerprint: string): boolean {
    const before = this.#tokens.get(`${scope} ${token}`);
    if (before === undefined) return false;
    if (before === fingerprint) return true;
    throw new Refusal(409, 'ConflictException', 'The client token was used by a request with other parameters.');
  }

  used(scope: string, token: string, fingerprint: string): void {
    this.#tokens.set(`${scope} ${token}`, fingerprint);
  }
}
