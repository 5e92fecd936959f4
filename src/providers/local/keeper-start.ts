import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { exactDuration } from '../../core/duration.ts';
import { messageOf } from '../../core/errors.ts';
import { Fault } from '../fault.ts';
import type { Call, SpinRef } from '../provider.ts';
import { askKeeper, type KeeperRequest, type KeeperStatus } from './control.ts';
import { type Desired, type KeeperConfig, readConfig, readDesired, writeDocument } from './keeper/state.ts';
import { KEEPER_INSTANCE, MARK_VARIABLE, RUN_VARIABLE, type SpinFolder, writeMark } from './layout.ts';

const START_TIMEOUT_MS = 15_000;
const ANSWER_TIMEOUT_MS = 10_000;
const CLOSE_PAUSE_MS = 3;
const CLOSE_TRIES = 50;

export interface KeeperStart {
  readonly command: readonly [string, ...string[]];
  /** The user's environment: the keeper's, and through it that of the services. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly config: KeeperConfig;
}

/** Makes the folder of an incarnation, 0700 all the way, and what a keeper needs in it. Idempotent. */
export function makeFolder(folder: SpinFolder): void {
  for (const path of [folder.root, folder.logs, folder.scratch]) mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** Writes what a keeper starts from; a deadline that is there already stays, as `enforce` moves it. */
export async function writeKeeperFiles(folder: SpinFolder, config: KeeperConfig, deadline: number): Promise<void> {
  await writeDocument(folder.config, config, true);
  if (!existsSync(folder.desired)) {
    const desired: Desired = { v: 1, deadline, wanted: {}, routePorts: {} };
    await writeDocument(folder.desired, desired, true);
  }
}

/**
 * Asks the keeper of a folder, starting it first where it is dead.
 * @throws Fault that it answered with; `transient` `keeper-unreachable`; `not-found` `spin-gone` where there is no folder to revive it from
 */
export async function askLiving(folder: SpinFolder, request: KeeperRequest, start: KeeperStart, call: Call): Promise<KeeperStatus> {
  for (let attempt = 1; ; attempt++) {
    const asked = await askKeeper(folder.root, request, ANSWER_TIMEOUT_MS, call.signal);
    if (asked.state === 'answered') return asked.status;
    if (attempt === 3) {
      throw new Fault('transient', 'keeper-unreachable', `the keeper of ${start.config.id} does not answer`, {
        lastLines: lastLines(folder.keeperLog),
      });
    }
    if (asked.state === 'dead') await startKeeper(folder, start, call);
    else await call.clock.sleep(100 * attempt, call.signal);
  }
}

const starting = new Map<string, Promise<void>>();

/**
 * Starts a keeper and waits until it answers. Two that start at once are no harm: the one that comes second ends by itself.
 * @throws Fault
 */
export async function startKeeper(folder: SpinFolder, start: KeeperStart, call: Call): Promise<void> {
  let underWay = starting.get(folder.root);
  if (underWay === undefined) {
    underWay = launch(folder, start, call).finally(() => starting.delete(folder.root));
    starting.set(folder.root, underWay);
  }
  await underWay;
}

async function launch(folder: SpinFolder, start: KeeperStart, call: Call): Promise<void> {
  // A keeper knows only these two files. Without them the incarnation was released, and nothing may come back to life in its folder.
  const desired = existsSync(folder.root) ? readDesired(folder.desired) : undefined;
  if (desired === undefined) throw new Fault('not-found', 'spin-gone', `${start.config.id} has no keeper and no folder to start one from`);
  if (!existsSync(folder.config)) await writeKeeperFiles(folder, start.config, desired.deadline);
  const { id, incarnation, stateTag } = start.config;
  const withheld = Object.fromEntries((readConfig(folder.config)?.withhold ?? []).map((name) => [name, undefined]));
  const mark = writeMark({ state: stateTag, id, incarnation, resource: 'keeper.keeper@1', instance: KEEPER_INSTANCE });
  const [program, ...args] = start.command;
  const log = openSync(folder.keeperLog, 'a', 0o600);
  let problem: string | undefined;
  try {
    // Loaded here and now: a command that meets a living keeper does without.
    const child = process.getBuiltinModule('node:child_process').spawn(program, [...args, folder.root], {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...start.env, ...withheld, [MARK_VARIABLE]: mark, [RUN_VARIABLE]: undefined },
      cwd: '/',
    });
    child.once('error', (thrown) => (problem = messageOf(thrown)));
    child.once(
      'exit',
      (code, signal) => (problem = code === 0 ? undefined : `it ended with ${code === null ? signal : `exit code ${code}`}`),
    );
    child.unref();
  } finally {
    closeSync(log);
  }
  const giveUp = call.clock.now() + START_TIMEOUT_MS;
  // Closely for as long as a start takes where nothing else goes on, as everything waits for it.
  for (let tries = 1; ; tries++) {
    await call.clock.sleep(tries <= CLOSE_TRIES ? CLOSE_PAUSE_MS : Math.min(50, tries - CLOSE_TRIES), call.signal);
    const asked = await askKeeper(folder.root, { verb: 'status' }, START_TIMEOUT_MS, call.signal);
    if (asked.state === 'answered') return;
    if (problem !== undefined || call.clock.now() >= giveUp) {
      const reason = problem ?? `no answer within ${exactDuration(START_TIMEOUT_MS)}`;
      throw new Fault('transient', 'keeper-unreachable', `the keeper of ${id} could not be started: ${reason}`, {
        lastLines: lastLines(folder.keeperLog),
      });
    }
  }
}

/** Who asks: what goes with every start of a keeper. */
export function keeperConfig(options: Omit<KeeperConfig, 'v' | 'id' | 'incarnation' | 'trace'>, spin: SpinRef): KeeperConfig {
  return { v: 1, id: spin.id, incarnation: spin.incarnation, trace: spin.trace, ...options };
}

function lastLines(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-10);
  } catch {
    return [];
  }
}
