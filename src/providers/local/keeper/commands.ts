import { messageOf } from '../../../core/errors.ts';
import type { Drain } from '../../../spec/spec.ts';
import { Fault } from '../../fault.ts';
import { runBootstrap, runToEnd, type Surroundings } from '../bootstrap.ts';
import { instanceEnvironment, scratchFolder } from '../environment.ts';
import type { Mark } from '../layout.ts';
import { commandLine } from '../run.ts';
import type { Household } from './household.ts';
import type { WantedService } from './state.ts';

/** What one instance runs, and as what: its own command, its bootstrap steps, its drain hook. */
export class Commands {
  readonly #house: Household;
  readonly #wanted: WantedService;
  readonly #mark: Mark;
  /** Where the exit code of a job is written down. */
  readonly exitFile: string;

  constructor(house: Household, wanted: WantedService, mark: Mark) {
    this.#house = house;
    this.#wanted = wanted;
    this.#mark = mark;
    this.exitFile = `${scratchFolder(house.folder, mark.instance)}.exit`;
  }

  /** Program and arguments of a start. */
  get line(): readonly [string, ...string[]] {
    const line = commandLine(this.#wanted.service.run);
    // The exit code of a job must outlive a keeper that does not see it, so a shell around the job writes it down.
    return this.#wanted.service.job
      ? ['/bin/sh', '-c', '"$@"; code=$?; printf %s "$code" >"$0"; exit "$code"', this.exitFile, ...line]
      : line;
  }

  /** @param run number of the start; left out for what is not the instance itself */
  async surroundings(port: number | undefined, run?: number): Promise<Surroundings> {
    const { folder, env, logs } = this.#house;
    const { service } = this.#wanted;
    const facts = { folder, service, mark: this.#mark, ...(run === undefined ? {} : { run }), ...(port === undefined ? {} : { port }) };
    return { cwd: service.dir, env: await instanceEnvironment(env, facts), log: logs.file(this.#mark.instance) };
  }

  /** Runs the bootstrap steps and tells of each. @throws Fault as runBootstrap, with the last lines; the signal's reason */
  async bootstrap(surroundings: Surroundings, signal: AbortSignal): Promise<void> {
    const { clock, emit } = this.#house;
    try {
      const done = (step: { readonly name: string }, ms: number): void => {
        emit({ type: 'bootstrap.step', ...this.#about, ms, data: { step: step.name } });
      };
      await runBootstrap(this.#wanted.service.bootstrap, surroundings, done, clock, signal);
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof Fault)) throw thrown;
      const fault = this.withLines(thrown);
      emit({ type: 'bootstrap.failed', ...this.#about, fault: fault.note() });
      throw fault;
    }
  }

  /** Runs the drain hook and tells of it. Never throws: what is being released is not kept alive by a hook that fails. */
  async drainHook(hook: NonNullable<Drain['hook']>, port: number | undefined): Promise<void> {
    const { clock, emit } = this.#house;
    const from = clock.now();
    try {
      await runToEnd('the drain hook', hook.run, hook.timeoutMs, await this.surroundings(port), clock, new AbortController().signal);
      emit({ type: 'hook.finished', ...this.#about, ms: clock.now() - from, data: { code: 0 } });
    } catch (thrown) {
      const fault = thrown instanceof Fault ? thrown : new Fault('transient', 'hook-failed', messageOf(thrown));
      emit({ type: 'hook.finished', ...this.#about, ms: clock.now() - from, fault: this.withLines(fault).note() });
    }
  }

  /** A fault with the last lines of the instance's log, where it has none of its own. */
  withLines(fault: Fault): Fault {
    const { logs } = this.#house;
    if (fault.lastLines.length > 0) return fault;
    const lastLines = logs.lastLines(this.#mark.instance);
    return new Fault(fault.kind, fault.class, logs.redactor().text(fault.message), { cause: fault, lastLines });
  }

  get #about(): { readonly resource: string; readonly instance: string } {
    return { resource: this.#wanted.key, instance: this.#mark.instance };
  }
}
