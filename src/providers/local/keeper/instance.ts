import { mkdirSync, rmSync } from 'node:fs';
import { messageOf } from '../../../core/errors.ts';
import type { FaultNote } from '../../../core/events.ts';
import type { ServiceSpec } from '../../../spec/spec.ts';
import { Fault } from '../../fault.ts';
import type { Surroundings } from '../bootstrap.ts';
import { endGroup } from '../end-group.ts';
import { scratchFolder } from '../environment.ts';
import { instanceName, type Mark } from '../layout.ts';
import { readListeners } from '../listeners.ts';
import { freshProcesses, type Identity, identityOf, isAlive, type Marked } from '../processes.ts';
import { removeFile } from '../remove-file.ts';
import { Commands } from './commands.ts';
import { describeExit, failureOf, pauseAfter, readExit } from './ends.ts';
import type { Household } from './household.ts';
import { type Exit, processStarter } from './spawn.ts';
import type { InstanceState, WantedService } from './state.ts';

const ADOPTED_POLL_MS = 100;
const LEFTOVER_GRACE_MS = 1_000;

/** One instance of a service: brought up, restarted where it ends, and ended when nobody wants it any more. */
export class Instance {
  readonly name: string;
  readonly #house: Household;
  readonly #wanted: WantedService;
  readonly mark: Mark;
  readonly #commands: Commands;
  #stop = new AbortController();
  #life: Promise<void> = Promise.resolve();
  #ending: Promise<void> | undefined;
  /** This keeper saw the leader of the present start alive. */
  #sawLeader = false;
  /** Settles when the leader of the present start has ended, where this keeper started it. */
  #exited: Promise<Exit> | undefined;
  /** The present start is ended by this keeper, which told why. */
  #endsRun = false;
  /** It was healthy once, in this or an earlier start. */
  #served = false;

  constructor(house: Household, wanted: WantedService, ordinal: number) {
    this.name = instanceName(wanted.service.name, wanted.generation, ordinal);
    this.#house = house;
    this.#wanted = wanted;
    this.mark = { ...house.mark, resource: wanted.key, instance: this.name };
    this.#commands = new Commands(house, wanted, this.mark);
    if (house.kept.instance(this.name) === undefined) {
      void house.kept.note({
        name: this.name,
        resource: wanted.key,
        ordinal,
        state: 'pending',
        reason: 'waiting to be started',
        bootstrapped: false,
        run: 0,
        restarts: 0,
        ends: [],
      });
    }
  }

  get service(): ServiceSpec {
    return this.#wanted.service;
  }

  get state(): InstanceState {
    const state = this.#house.kept.instance(this.name);
    if (state === undefined) throw new Fault('not-found', 'instance-missing', `instance ${this.name} is gone`);
    return state;
  }

  get exists(): boolean {
    return this.#house.kept.instance(this.name) !== undefined;
  }

  /** True while it is still wanted. */
  get lives(): boolean {
    return this.#ending === undefined && !this.#stop.signal.aborted;
  }

  /** Begins its life; with what an earlier keeper left, where that still runs. Resolves at once. */
  start(): void {
    this.#life = this.#live();
  }

  /** Lets go of it without ending it: the next keeper takes it over. */
  async abandon(): Promise<void> {
    this.#stop.abort(new Fault('transient', 'keeper-stopped', 'the keeper stops'));
    await this.#life;
  }

  /** Tries again after a failure; nothing happens where there is none. */
  async retry(): Promise<void> {
    const { failure, process } = this.state;
    if (failure === undefined || !this.lives) return;
    this.#note({ state: 'pending', reason: 'waiting to be started again', failure: undefined, ends: [], exitCode: undefined });
    if (process !== undefined && isAlive(process)) return this.endRun('starting again after a failure');
    await this.#life;
    this.#note({ process: undefined });
    this.start();
  }

  /** The health check passed at `host`. */
  passed(host: string | undefined): void {
    const { state, startedAt } = this.state;
    if (!this.lives || (state !== 'starting' && state !== 'unhealthy' && state !== 'failed')) return;
    const now = this.#house.clock.now();
    this.#note({ state: 'healthy', reason: 'healthy', healthyAt: now, failure: undefined, ...(host === undefined ? {} : { host }) });
    this.#house.emit({ type: 'instance.healthy', resource: this.#wanted.key, instance: this.name, ms: now - (startedAt ?? now) });
    this.#house.poolChanged();
  }

  /** The health check of what was healthy fails; it gets no more requests. */
  becameUnhealthy(reason: string): void {
    if (!this.lives || this.state.state !== 'healthy') return;
    this.#note({ state: 'unhealthy', reason });
    this.#house.emit({ type: 'instance.unhealthy', resource: this.#wanted.key, instance: this.name, message: reason });
    this.#house.poolChanged();
  }

  /** Why it is not healthy yet, for whoever asks. */
  waitsFor(reason: string): void {
    const { state } = this.state;
    if (this.lives && (state === 'starting' || state === 'unhealthy') && this.state.reason !== reason) this.#note({ reason });
  }

  /** It did not become healthy in time. Its process is left as it is: whoever asked for it decides. */
  missedDeadline(fault: Fault): void {
    if (!this.lives) return;
    const note = this.#describe(fault);
    this.#note({ state: 'failed', reason: note.message, failure: note });
    this.#house.emit({ type: 'instance.unhealthy', phase: 'bootstrap', resource: this.#wanted.key, instance: this.name, fault: note });
  }

  /** Ends the process of an instance that stays unhealthy, or has a foreign port; its life goes on with a restart. */
  async endRun(reason: string): Promise<void> {
    if (!this.lives) return;
    this.#endsRun = true;
    this.#note({ state: 'restarting', reason });
    this.#house.poolChanged();
    const { signal, timeoutMs } = this.#wanted.service.drain;
    // What cannot be ended now is met again when the next start clears away what was before it.
    await this.#clearRun(signal, timeoutMs).catch((thrown: unknown) => this.#note({ reason: messageOf(thrown) }));
  }

  surroundings(): Promise<Surroundings> {
    return this.#commands.surroundings(this.state.port);
  }

  /** Drains, runs the hook, signals, waits, kills, and removes what was the instance's own. Repeated calls are one. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #live(): Promise<void> {
    const { signal } = this.#stop;
    try {
      let adopted = await this.#findRunning();
      while (this.#goesOn()) {
        const exit = adopted === undefined ? await this.#runOnce(signal) : await this.#outlast(adopted, signal);
        adopted = undefined;
        const pause = await this.#afterEnd(exit);
        if (pause === undefined) return;
        await this.#house.clock.sleep(pause, signal);
      }
    } catch (thrown) {
      if (signal.aborted) return;
      const fault = thrown instanceof Fault ? thrown : new Fault('transient', 'keeper-error', messageOf(thrown), { cause: thrown });
      const note = this.#describe(fault);
      this.#note({ state: 'failed', reason: note.message, failure: note });
      this.#house.poolChanged();
    }
  }

  /** False for what came to rest in an earlier keeper's time. */
  #goesOn(): boolean {
    const { state, process } = this.state;
    if (state === 'exited') return false;
    return state !== 'failed' || (process !== undefined && isAlive(process));
  }

  /** The process of this instance that an earlier keeper started and that still runs. */
  async #findRunning(): Promise<Identity | undefined> {
    const { run, process, state, port, failure } = this.state;
    if (port !== undefined) await this.#house.ports.hold(port);
    if (run === 0 && state === 'pending') return undefined;
    this.#house.logs.open(this.name);
    if (state === 'bootstrapping') {
      await this.#clearAll();
      return undefined;
    }
    const found = process !== undefined && isAlive(process) ? process : await this.#findMarked(run);
    if (found === undefined) return state === 'failed' || state === 'exited' ? undefined : this.#lost();
    if (found !== process) this.#note({ process: found, startedAt: this.state.startedAt ?? this.#house.clock.now() });
    if (state !== 'healthy' && failure === undefined) this.#note({ state: 'starting', reason: 'taken over from an earlier keeper' });
    this.#sawLeader = true;
    this.#house.watch(this);
    this.#house.poolChanged();
    return found;
  }

  /** A start whose intent was written, and whose process was not: it is the leader among those that carry the start's number. */
  async #findMarked(run: number): Promise<Identity | undefined> {
    const table = await freshProcesses();
    const leader = table.marked((marked) => this.#isMine(marked) && marked.run === run).find((entry) => entry.session === entry.pid);
    return leader === undefined ? undefined : identityOf(leader);
  }

  /** It ran when the last keeper wrote, and runs no more. A process that never was leaves the identity of one that is gone. */
  #lost(): Identity | undefined {
    return this.state.process;
  }

  async #runOnce(signal: AbortSignal): Promise<Exit> {
    const { emit, kept, clock, logs } = this.#house;
    const { service } = this.#wanted;
    signal.throwIfAborted();
    await this.#ensurePort();
    mkdirSync(scratchFolder(this.#house.folder, this.name), { recursive: true, mode: 0o700 });
    logs.open(this.name);
    if (!this.state.bootstrapped) {
      await this.#bootstrap(signal);
      this.#note({ bootstrapped: true });
    }
    const again = this.state.run > 0;
    const run = this.state.run + 1;
    const surroundings = await this.#commands.surroundings(this.state.port, run);
    const startProcess = await processStarter();
    removeFile(this.#commands.exitFile);
    const intent = { state: 'starting', reason: 'starting', run, process: undefined, healthyAt: undefined } as const;
    await kept.note(this.#with({ ...intent, startedAt: clock.now() }));
    signal.throwIfAborted();
    const { identity, exited } = startProcess({ command: this.#commands.line, ...surroundings });
    this.#sawLeader = true;
    this.#exited = exited;
    this.#note({
      process: identity,
      startedAt: clock.now(),
      reason: service.job ? 'the job runs' : 'waiting for its first health check',
      restarts: this.state.restarts + (again ? 1 : 0),
    });
    const about = { resource: this.#wanted.key, instance: this.name };
    if (again) emit({ type: 'instance.restarted', ...about, data: { pid: identity.pid, restarts: this.state.restarts } });
    else emit({ type: 'instance.started', ...about, data: { pid: identity.pid } });
    this.#house.watch(this);
    return await untilAborted(exited, signal);
  }

  async #bootstrap(signal: AbortSignal): Promise<void> {
    if (this.service.bootstrap.length === 0) return;
    const surroundings = await this.surroundings();
    await this.#house.kept.note(this.#with({ state: 'bootstrapping', reason: 'bootstrap steps run', startedAt: this.#house.clock.now() }));
    await this.#commands.bootstrap(surroundings, signal);
  }

  /** Waits for the end of a process that is not a child of this keeper, so that nobody tells of it. */
  async #outlast(identity: Identity, signal: AbortSignal): Promise<Exit> {
    while (isAlive(identity)) await this.#house.clock.sleep(ADOPTED_POLL_MS, signal);
    const code = this.#wanted.service.job ? readExit(this.#commands.exitFile) : undefined;
    return { code, signal: undefined };
  }

  /** What follows an end that is not the instance's last: the pause before the next start, or undefined where there is none. */
  async #afterEnd(exit: Exit): Promise<number | undefined> {
    const { clock, emit } = this.#house;
    const { service, key } = this.#wanted;
    const { signal } = this.#stop;
    const wasHealthy = this.state.healthyAt !== undefined;
    this.#served ||= wasHealthy;
    const planned = this.#endsRun;
    this.#endsRun = false;
    await this.#clearRun('SIGTERM', LEFTOVER_GRACE_MS);
    const portLost = this.#portIsForeign();
    signal.throwIfAborted();
    if (service.job && exit.code === 0) {
      this.#note({ state: 'exited', reason: 'ended with exit code 0', exitCode: 0, failure: undefined });
      emit({ type: 'instance.exited', phase: 'bootstrap', resource: key, instance: this.name, data: { code: 0 } });
      return undefined;
    }
    const now = clock.now();
    const ends = [...this.state.ends.filter((time) => time > now - service.restart.windowMs), now];
    const fault = failureOf(this.name, exit, ends.length, wasHealthy, service.restart);
    this.#note({ ends, ...(exit.code === undefined ? {} : { exitCode: exit.code }) });
    const data = { ...(exit.code === undefined ? {} : { code: exit.code }), ...(exit.signal === undefined ? {} : { signal: exit.signal }) };
    const note = fault === undefined ? undefined : this.#describe(fault);
    // An end by this keeper's hand is news only where no other start follows it.
    if (!planned || note !== undefined)
      emit({ type: 'instance.exited', resource: key, instance: this.name, data, ...(note === undefined ? {} : { fault: note }) });
    if (note !== undefined) this.#note({ state: exit.code === 0 ? 'exited' : 'failed', reason: note.message, failure: note });
    else this.#note({ state: 'restarting', reason: `${describeExit(exit)}; starting again` });
    this.#house.poolChanged();
    if (note !== undefined) {
      if (this.#served) this.#house.gaveUp();
      return undefined;
    }
    if (portLost && service.port === 'auto') this.#givePortUp();
    return pauseAfter(ends.length);
  }

  async #end(): Promise<void> {
    const { kept, clock, logs, ports } = this.#house;
    const { service } = this.#wanted;
    this.#stop.abort(new Fault('transient', 'released', `${this.name} is being released`));
    const { hook } = service.drain;
    const { process: leader } = this.state;
    const hookRuns = hook !== undefined && leader !== undefined && isAlive(leader);
    this.#note({ state: 'draining', reason: 'waiting for its requests to end' });
    this.#house.poolChanged();
    await this.#life;
    await this.#house.drain(this.name, service.drain.timeoutMs);
    if (hookRuns) await this.#commands.drainHook(hook, this.state.port);
    this.#note({ state: 'stopping', reason: `waiting for it to end after ${service.drain.signal}` });
    for (let ended = false; !ended;) {
      try {
        await this.#clearAll();
        ended = true;
      } catch (thrown) {
        // Something in the kernel's hands; absence is claimed only when it is proven.
        this.#note({ reason: messageOf(thrown) });
        await clock.sleep(1_000);
      }
    }
    logs.close(this.name);
    rmSync(scratchFolder(this.#house.folder, this.name), { recursive: true, force: true, maxRetries: 3 });
    removeFile(this.#commands.exitFile);
    const { port } = this.state;
    if (port !== undefined) ports.release(port);
    await kept.forgetInstance(this.name).catch(() => undefined);
  }

  /** Ends what belongs to the present start, wherever it went. */
  async #clearRun(signal: NodeJS.Signals, timeoutMs: number): Promise<void> {
    const { process: leader, run } = this.state;
    const owns = (marked: Marked): boolean => this.#isMine(marked) && marked.run === run;
    const own = { ...(leader === undefined ? {} : { leader }), leaderJustSeen: this.#sawLeader, ended: this.#exited };
    await endGroup({ ...own, atOnce: true, owns, signal, timeoutMs }, this.#house.clock);
  }

  /** Ends all that carries the mark of this instance: its process, what escaped, what bootstrap steps left in the background. */
  async #clearAll(): Promise<void> {
    const { process: leader } = this.state;
    const { signal, timeoutMs } = this.#wanted.service.drain;
    const owns = (marked: Marked): boolean => this.#isMine(marked);
    const own = { ...(leader === undefined ? {} : { leader }), ended: this.#exited };
    await endGroup({ ...own, atOnce: true, owns, signal, timeoutMs }, this.#house.clock);
  }

  #isMine({ mark }: Marked): boolean {
    const mine = this.mark;
    return (
      mark.instance === mine.instance &&
      mark.resource === mine.resource &&
      mark.incarnation === mine.incarnation &&
      mark.id === mine.id &&
      mark.state === mine.state
    );
  }

  async #ensurePort(): Promise<void> {
    const { port: wish } = this.#wanted.service;
    if (wish === 'none' || this.state.port !== undefined) return;
    const port = await this.#house.ports.reserve(wish === 'auto' ? undefined : wish);
    this.#note({ port });
  }

  #givePortUp(): void {
    const { port } = this.state;
    if (port === undefined) return;
    this.#house.ports.release(port);
    this.#note({ port: undefined, host: undefined });
  }

  /** True where something listens on its port though its own process is gone. */
  #portIsForeign(): boolean {
    const { port } = this.state;
    return port !== undefined && readListeners(new Set([port])).has(port);
  }

  #describe(fault: Fault): FaultNote {
    return this.#commands.withLines(fault).note();
  }

  #note(change: Partial<InstanceState>): void {
    if (!this.exists) return;
    void this.#house.kept.note(this.#with(change));
  }

  #with(change: Partial<InstanceState>): InstanceState {
    return { ...this.state, ...change };
  }
}

function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
