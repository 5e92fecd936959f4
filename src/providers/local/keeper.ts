import { statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { basename } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { systemCode } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import { type Incarnation, parseSpinId } from '../../core/ids.ts';
import { Fault } from '../fault.ts';
import type { Observation } from '../provider.ts';
import { type KeeperRequest, type KeeperStatus, serveControl } from './control.ts';
import { endGroup } from './end-group.ts';
import { claimFence } from './fences.ts';
import { enforceDeadline } from './keeper/deadline.ts';
import { HealthWatch } from './keeper/health-watch.ts';
import type { Household } from './keeper/household.ts';
import { Kept } from './keeper/kept.ts';
import { InstanceLogs } from './keeper/logs.ts';
import { observeService } from './keeper/observation.ts';
import { Routes } from './keeper/routes.ts';
import { Services } from './keeper/services.ts';
import { processStarter } from './keeper/spawn.ts';
import type { KeeperConfig, Wanted } from './keeper/state.ts';
import { KEEPER_INSTANCE, type SpinFolder, spinFolder } from './layout.ts';
import { createPorts } from './ports.ts';
import { removeFolder } from './release.ts';

const HOME_LOOK_MS = 1_000;
const SWARM_MS = 8;
const HOMELESS_GRACE_MS = 10_000;

export interface KeeperOptions {
  readonly config: KeeperConfig;
  readonly clock: Clock;
  readonly emit: Emit;
  /** The user's environment, which services inherit. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Runs spin itself so that it outlives this process; resolves to its exit code. */
  readonly spawnSelf: (command: readonly [string, ...string[]]) => Promise<number>;
  /** Aborts when the keeper has to go and leave everything running: the next one takes it over. */
  readonly signal: AbortSignal;
}

/**
 * Why a keeper ended: it was released, told to go, was not needed as there is one already, ended the spin itself at its
 * deadline, or lost its folder, without which nobody could end what it runs.
 */
export type KeeperEnd = 'released' | 'interrupted' | 'second' | 'expired' | 'homeless';

/**
 * The keeper of one spin: runs what desired.json wants, watches its health, routes to it, and ends it at the deadline.
 * One per folder, however many are started. Everything it needs after a kill is in its two documents and in /proc.
 */
export async function runKeeper(options: KeeperOptions): Promise<KeeperEnd> {
  const { config, clock, emit } = options;
  const folder = spinFolder(config.stateDir, parseSpinId(config.id), config.incarnation as Incarnation);
  const mutex = await takeMutex(folder.root);
  if (mutex === undefined) return 'second';
  const kept = new Kept(folder, clock.now());
  const house = makeHousehold(options, folder, kept);
  const { services, routes, health, logs, ports } = house;

  // Aborts when this keeper is done for; what goes on after it is no longer this keeper's.
  const over = new AbortController();
  const settled = Promise.withResolvers<KeeperEnd>();
  const stopWhenEmpty = (): void => {
    if (kept.wanted.length === 0) settled.resolve('released');
  };
  let asked = false;
  const answer = (request: KeeperRequest, gone: AbortSignal): Promise<KeeperStatus> => {
    // Whoever started this keeper waits for its first answer, and then has to write it down: time to load what starts processes.
    if (!asked) setImmediate(() => void processStarter());
    asked = true;
    return respond(request, { kept, services, routes, folder, clock, stopWhenEmpty }, AbortSignal.any([gone, over.signal]));
  };

  const control = await serveControl(folder.root, answer);
  options.signal.addEventListener('abort', () => settled.resolve('interrupted'), { once: true });
  if (options.signal.aborted) settled.resolve('interrupted');
  void health.run(over.signal);
  void logs.follow(over.signal);
  const adopted = await services.adopt();
  await routes.adopt(over.signal);
  emit({ type: 'keeper.started', data: { pid: process.pid, adopted } });
  const down = (): Promise<number> => options.spawnSelf(selfCommand(config, 'down', '--yes', '--expired'));
  enforceDeadline({ kept, clock, down }, over.signal).then(
    () => settled.resolve('expired'),
    (thrown: unknown) => (over.signal.aborted ? undefined : settled.reject(thrown)),
  );

  void untilHomeless(folder.root, clock, over.signal).then((homeless) => (homeless ? settled.resolve('homeless') : undefined));

  const end = await settled.promise.finally(() => over.abort(new Fault('transient', 'keeper-stopped', 'the keeper stops')));
  if (end === 'expired') {
    emit({ type: 'spin.expired', data: { enforcer: 'keeper', alone: true } });
    await endEverything(services, routes);
  } else {
    await services.abandonAll();
  }
  if (end === 'homeless') await endMarked(house.mark, clock);
  await control.close();
  await routes.closeAll();
  logs.closeAll();
  ports.releaseAll();
  if (end === 'expired') await removeFolder(folder);
  await new Promise<void>((resolve) => mutex.close(() => resolve()));
  return end;
}

interface Desk {
  readonly kept: Kept;
  readonly services: Services;
  readonly routes: Routes;
  readonly folder: SpinFolder;
  readonly clock: Clock;
  readonly stopWhenEmpty: () => void;
}

async function respond(request: KeeperRequest, desk: Desk, signal: AbortSignal): Promise<KeeperStatus> {
  const { kept, services, routes, folder } = desk;
  if ('fence' in request) claimFence(folder.fences, request.fence);
  switch (request.verb) {
    case 'status':
      break;
    case 'wait':
      await untilChanged(kept, request.version, request.maxMs, desk.clock, signal);
      break;
    case 'apply':
      await allOf(request.wanted, (one) => (one.kind === 'service' ? services.apply(one) : routes.apply(one)));
      break;
    case 'release':
      await allOf(
        request.keys.flatMap((key) => kept.find(key) ?? []),
        (one) => (one.kind === 'service' ? services.release(one) : routes.release(one)),
      );
      break;
    case 'enforce':
      await kept.moveDeadline(request.deadline);
      break;
    case 'stop': {
      const inUse = kept.wanted.find(({ releasing }) => !releasing);
      if (inUse !== undefined)
        throw new Fault('conflict', 'keeper-in-use', `the keeper still runs ${inUse.key}, which nobody asked to release`);
      // The answer leaves first.
      setImmediate(desk.stopWhenEmpty);
      break;
    }
    default:
      throw new Fault('invalid', 'unknown-verb', 'this keeper is of an older version; it does not know what it was asked');
  }
  return statusOf(kept, routes);
}

/** Begins all, and then fails with the first that did. */
async function allOf(wanted: readonly Wanted[], begin: (one: Wanted) => Promise<void>): Promise<void> {
  const settled = await Promise.allSettled(wanted.map(begin));
  for (const one of settled) if (one.status === 'rejected') throw one.reason;
}

function statusOf(kept: Kept, routes: Routes): KeeperStatus {
  const observe = (wanted: Wanted): Observation =>
    wanted.kind === 'service' ? observeService(wanted, kept.instancesOf(wanted.key)) : routes.observe(wanted);
  const resources = Object.fromEntries(kept.wanted.map((wanted) => [wanted.key, observe(wanted)]));
  return { pid: process.pid, version: kept.version, deadline: kept.deadline, resources };
}

async function untilChanged(kept: Kept, version: number, maxMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  if (kept.version !== version) return;
  const changed = new AbortController();
  const forget = kept.onChange(() => changed.abort('changed'));
  await clock.sleep(maxMs, AbortSignal.any([signal, changed.signal])).catch(() => undefined);
  forget();
  // Changes come in swarms when many instances start: who asks is told of a swarm once.
  await clock.sleep(Math.min(SWARM_MS, maxMs), signal).catch(() => undefined);
}

async function endEverything(services: Services, routes: Routes): Promise<void> {
  await Promise.all([routes.endAll(), services.endAll()]);
}

/** True once the folder is gone, or is another one: somebody deleted the state under a running spin. */
async function untilHomeless(root: string, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const { ino } = statSync(root);
  while (!signal.aborted) {
    if (statSync(root, { throwIfNoEntry: false })?.ino !== ino) return true;
    await clock.sleep(HOME_LOOK_MS, signal).catch(() => undefined);
  }
  return false;
}

/** Ends every process of the spin but the keeper, by the marks alone: there is no document left to go by. */
async function endMarked(own: Household['mark'], clock: Clock): Promise<void> {
  const { state, id, incarnation } = own;
  await endGroup(
    {
      owns: ({ mark }) => mark.state === state && mark.id === id && mark.incarnation === incarnation && mark.instance !== KEEPER_INSTANCE,
      signal: 'SIGTERM',
      timeoutMs: HOMELESS_GRACE_MS,
    },
    clock,
  );
}

function selfCommand(config: KeeperConfig, verb: string, ...flags: readonly string[]): readonly [string, ...string[]] {
  const [program, ...args] = config.selfCommand;
  return [program, ...args, verb, config.id, '--incarnation', config.incarnation, ...flags, '--quiet'];
}

function makeHousehold(options: KeeperOptions, folder: SpinFolder, kept: Kept) {
  const { config, clock, emit, env } = options;
  const ports = createPorts(config.ports);
  const logs = new InstanceLogs(folder, config.logs, clock);
  const health = new HealthWatch(clock);
  const routes = new Routes(kept, ports, clock, emit);
  const house: Household = {
    folder,
    mark: { state: config.stateTag, id: config.id, incarnation: config.incarnation },
    clock,
    emit,
    env,
    kept,
    ports,
    logs,
    poolChanged: () => routes.sync(),
    watch: (instance) => health.add(instance),
    drain: (instance, timeoutMs) => routes.drain(instance, timeoutMs),
    gaveUp: () => void options.spawnSelf(selfCommand(config, 'notice')).catch(() => undefined),
  };
  return { services: new Services(house), routes, health, logs, ports, mark: house.mark };
}

/**
 * Only one keeper at a time has a folder. The lock is an abstract socket, which the kernel frees with its process:
 * there is no stale lock after a kill. Undefined where another has it.
 */
function takeMutex(root: string): Promise<Server | undefined> {
  const { dev, ino } = statSync(root);
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (thrown) => (systemCode(thrown) === 'EADDRINUSE' ? resolve(undefined) : reject(thrown)));
    // An inode may come round while the keeper of a folder that is gone still ends what it ran; the incarnation does not.
    server.listen({ path: `\0spin-keeper-${dev}-${ino}-${basename(root)}` }, () => resolve(server));
  });
}
