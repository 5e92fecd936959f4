import { exactDuration } from '../../../core/duration.ts';
import { messageOf } from '../../../core/errors.ts';
import type { Clock } from '../../../core/clock.ts';
import { Fault } from '../../fault.ts';
import { probeHttp, type ProbeResult, probeTcp } from '../../probes.ts';
import { probeCommand } from '../health.ts';
import { type Listener, ListenerTable } from '../listeners.ts';
import { freshProcesses, holdsSocket, type Identity, isAlive } from '../processes.ts';
import { membersOf } from '../end-group.ts';
import type { Instance } from './instance.ts';

const FASTEST_MS = 12;
/** So old may be what is known of the sockets of an instance that has opened its port. */
const OPENED_AGE_MS = 500;
const NOBODY: ReadonlyMap<number, readonly Listener[]> = new Map();
/** Looks in a row at which a port must be another's before that is believed: a process between listen and look is no stranger. */
const FOREIGN_LOOKS = 3;

interface Watched {
  readonly instance: Instance;
  readonly run: number;
  readonly process: Identity;
  readonly startedAt: number;
  passes: number;
  failures: number;
  foreignLooks: number;
  unhealthySince: number | undefined;
  opened: boolean;
  /** The reading of the socket tables in which its port was missing, where the last one missed it. */
  missingIn: number | undefined;
  missed: boolean;
  busy: boolean;
  nextAt: number;
  /** Sockets that were found to be its own. */
  owned: ReadonlySet<string>;
}

/**
 * The health checks of all instances. Young instances are looked at every few milliseconds, with one reading of the socket
 * tables for all of them; the pace falls to the interval of the spec as they age.
 */
export class HealthWatch {
  readonly #clock: Clock;
  readonly #table: Pick<ListenerTable, 'look' | 'readAt'>;
  readonly #watched = new Map<string, Watched>();
  #wake: () => void = () => undefined;
  /** Until when the loop sleeps, unless it is woken. */
  #sleepsUntil = 0;

  constructor(clock: Clock, table: Pick<ListenerTable, 'look' | 'readAt'> = new ListenerTable(clock)) {
    this.#clock = clock;
    this.#table = table;
  }

  add(instance: Instance): void {
    const { run, process, startedAt, state } = instance.state;
    if (process === undefined || instance.service.job) return;
    const now = this.#clock.now();
    this.#watched.set(instance.name, {
      instance,
      run,
      process,
      startedAt: startedAt ?? now,
      passes: 0,
      failures: 0,
      foreignLooks: 0,
      unhealthySince: state === 'unhealthy' ? now : undefined,
      opened: false,
      missingIn: undefined,
      missed: false,
      busy: false,
      nextAt: now,
      owned: new Set(),
    });
    this.#wake();
  }

  /** Watches until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const now = this.#clock.now();
      for (const [name, watched] of this.#watched) if (!isCurrent(watched)) this.#watched.delete(name);
      const due = [...this.#watched.values()].filter((watched) => !watched.busy && watched.nextAt <= now + FASTEST_MS / 2);
      if (due.length > 0) this.#lookAt(due, now, signal);
      const next = Math.min(...[...this.#watched.values()].map((watched) => (watched.busy ? Number.POSITIVE_INFINITY : watched.nextAt)));
      await this.#sleep(Math.min(1_000, Math.max(next - this.#clock.now(), FASTEST_MS / 2)), signal);
    }
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort('woken');
    this.#sleepsUntil = this.#clock.now() + ms;
    await this.#clock.sleep(ms, AbortSignal.any([signal, woken.signal])).catch(() => undefined);
  }

  /** A keeper that has no file descriptor left for a moment must not die of it. */
  #lookAt(due: readonly Watched[], now: number, signal: AbortSignal): void {
    try {
      this.#look(due, now, signal);
    } catch (thrown) {
      for (const watched of due) {
        watched.nextAt = now + OPENED_AGE_MS;
        watched.instance.waitsFor(messageOf(thrown));
      }
    }
  }

  /** One look at all that are due; probes go out and come back by themselves, so that no slow one holds back another. */
  #look(due: readonly Watched[], now: number, signal: AbortSignal): void {
    const waiting = due.some(({ instance, opened, missingIn }) => needsPort(instance) && (!opened || missingIn !== undefined));
    const listeners = due.some(({ instance }) => needsPort(instance)) ? this.#table.look(waiting ? 0 : OPENED_AGE_MS) : NOBODY;
    for (const watched of due) {
      watched.nextAt = now + this.#pace(watched, now);
      watched.busy = true;
      void this.#probe(watched, listeners.get(watched.instance.state.port ?? 0) ?? [], signal);
    }
  }

  async #probe(watched: Watched, listeners: readonly Listener[], signal: AbortSignal): Promise<void> {
    const verdict = await this.#check(watched, listeners, signal).catch((thrown: unknown): Verdict => ({ reason: messageOf(thrown) }));
    if (isCurrent(watched)) this.#judge(watched, verdict);
    watched.busy = false;
    // While every probe was out, the loop went to sleep without knowing when the next one is due.
    if (watched.nextAt < this.#sleepsUntil) this.#wake();
  }

  async #check(watched: Watched, listeners: readonly Listener[], signal: AbortSignal): Promise<Verdict> {
    const { instance } = watched;
    const { probe, timeoutMs } = instance.service.health;
    if (!isAlive(watched.process)) return { reason: 'its process is gone' };
    if (probe.type === 'alive') {
      const rest = watched.startedAt + probe.forMs - this.#clock.now();
      if (rest <= 0) return { passed: undefined };
      watched.nextAt = this.#clock.now() + rest;
      return { reason: `alive for ${exactDuration(probe.forMs)} is not over` };
    }
    if (probe.type === 'command') {
      const reason = await probeCommand(probe, await instance.surroundings(), timeoutMs, this.#clock, signal);
      return reason === undefined ? { passed: undefined } : { reason };
    }
    const { port } = instance.state;
    if (port === undefined || listeners.length === 0) {
      const seen = watched.missingIn === this.#table.readAt;
      watched.missingIn = this.#table.readAt;
      return { reason: `nothing listens on port ${port ?? '?'}${watched.opened ? '' : ' yet'}`, seen };
    }
    watched.missingIn = undefined;
    if (!(await this.#ownsAll(watched, listeners)))
      return { reason: `port ${port} is held by a process that is not its own`, foreign: true };
    watched.opened = true;
    const host = listeners.some(({ dial }) => dial === '127.0.0.1') ? '127.0.0.1' : (listeners[0]?.dial ?? '127.0.0.1');
    const result: ProbeResult =
      probe.type === 'http' ? await probeHttp(probe, host, port, timeoutMs) : await probeTcp(host, port, timeoutMs);
    return result === undefined ? { passed: host } : { reason: result.reason };
  }

  /** True where every socket that listens on the port is held by a process of the instance. */
  async #ownsAll(watched: Watched, listeners: readonly Listener[]): Promise<boolean> {
    const unknown = listeners.filter(({ inode }) => !watched.owned.has(inode));
    if (unknown.length === 0) return true;
    const isHeldBy = (pids: readonly number[]): boolean => unknown.every(({ inode }) => holdsSocket(pids, new Set([inode])));
    let owned = isHeldBy([watched.process.pid]);
    if (!owned) {
      const { mark } = watched.instance;
      const members = membersOf(
        {
          leader: watched.process,
          owns: (marked) =>
            marked.run === watched.run && marked.mark.instance === mark.instance && marked.mark.incarnation === mark.incarnation,
        },
        await freshProcesses(),
      );
      owned = isHeldBy(members.map(({ pid }) => pid));
    }
    if (owned) watched.owned = new Set(listeners.map(({ inode }) => inode));
    return owned;
  }

  #judge(watched: Watched, verdict: Verdict): void {
    const { instance } = watched;
    const { health } = instance.service;
    const now = this.#clock.now();
    if ('passed' in verdict) {
      watched.passes += 1;
      watched.failures = 0;
      watched.foreignLooks = 0;
      watched.unhealthySince = undefined;
      if (watched.passes >= health.healthyAfter) instance.passed(verdict.passed);
      else watched.nextAt = now + health.intervalMs;
      return;
    }
    const { reason, foreign, seen } = verdict;
    watched.passes = 0;
    // The kernel lists sockets piece by piece, and leaves one out now and then where others come and go: one reading is one failure,
    // however many probes go by it.
    if (seen !== true) watched.failures += 1;
    watched.foreignLooks = foreign === true ? watched.foreignLooks + 1 : 0;
    instance.waitsFor(reason);
    if (instance.state.state === 'healthy' && watched.failures >= health.unhealthyAfter) {
      instance.becameUnhealthy(reason);
      watched.unhealthySince = now;
    }
    if (watched.foreignLooks >= FOREIGN_LOOKS) this.#portTaken(watched, reason);
    else if (watched.unhealthySince !== undefined && now - watched.unhealthySince >= health.deadlineMs) {
      watched.unhealthySince = undefined;
      void instance.endRun(`unhealthy for ${exactDuration(health.deadlineMs)}: ${reason}`);
    } else if (instance.state.healthyAt === undefined && now - watched.startedAt >= health.deadlineMs && !watched.missed) {
      watched.missed = true;
      instance.missedDeadline(lateFault(watched, reason));
    }
  }

  /** A leftover answers on the port: another port where any will do, else the failure is told and the port looked at again. */
  #portTaken(watched: Watched, reason: string): void {
    watched.foreignLooks = 0;
    if (watched.instance.service.port === 'auto') void watched.instance.endRun(reason);
    else if (!watched.missed) {
      watched.missed = true;
      watched.instance.missedDeadline(new Fault('conflict', 'port-taken', `${watched.instance.name}: ${reason}`));
    }
  }

  #pace(watched: Watched, now: number): number {
    const { intervalMs } = watched.instance.service.health;
    if (watched.instance.state.state === 'healthy') return intervalMs;
    const age = now - watched.startedAt;
    // A command is a process each time; a look at the socket tables is next to nothing, unless they are long.
    const base = watched.instance.service.health.probe.type === 'command' ? 100 : FASTEST_MS;
    const young = Math.max(base, age / 50);
    return Math.min(intervalMs, young);
  }
}

/** `seen`: the reading that it goes by was judged before. */
type Verdict = { readonly passed: string | undefined } | { readonly reason: string; readonly foreign?: boolean; readonly seen?: boolean };

/** False once the instance was started again, is ending, or is gone. */
function isCurrent({ instance, run }: Watched): boolean {
  return instance.lives && instance.exists && instance.state.run === run && instance.state.process !== undefined;
}

function needsPort(instance: Instance): boolean {
  const { type } = instance.service.health.probe;
  return type === 'http' || type === 'tcp';
}

function lateFault(watched: Watched, reason: string): Fault {
  const { name, service } = watched.instance;
  const deadline = exactDuration(service.health.deadlineMs);
  if (needsPort(watched.instance) && !watched.opened) {
    return new Fault(
      'invalid',
      'port-never-opened',
      `${name} did not listen on its port (PORT=${watched.instance.state.port}) within ${deadline}`,
    );
  }
  return new Fault('invalid', 'health-never-passed', `${name} did not become healthy within ${deadline}: ${reason}`);
}
