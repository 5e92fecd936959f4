import { existsSync } from 'node:fs';
import { isoTime } from '../../core/clock.ts';
import { InternalError } from '../../core/errors.ts';
import { addMoney, type Known, type NanoUsd } from '../../core/money.ts';
import type { Spec } from '../../spec/spec.ts';
import type { Shape } from '../../plan/build.ts';
import { bindService } from '../bind.ts';
import { Fault } from '../fault.ts';
import type { Call, CreateRequest, Enforcer, Handle, LogLine, LogQuery, Provider, SpinRef, Target } from '../provider.ts';
import { askKeeper } from './control.ts';
import { claimFence, confirmFence } from './fences.ts';
import { inventory, reclaim } from './inventory.ts';
import { askLiving, keeperConfig, type KeeperStart, makeFolder, startKeeper, writeKeeperFiles } from './keeper-start.ts';
import type { KeeperConfig, Wanted } from './keeper/state.ts';
import { type SpinFolder, spinFolder } from './layout.ts';
import { observeTargets } from './observe.ts';
import { releaseKeeper, releaseUnkept } from './release.ts';
import { destroySecret, issueSecret } from './secrets.ts';
import { applyTogether, type Keeping, releaseTogether } from './together.ts';
import { Told } from './told.ts';

export interface LocalOptions {
  /** Absolute folder of the state location. */
  readonly stateDir: string;
  /**
   * Digest of the state location: what tells our processes from those of another state folder. Read where that is asked and no sooner, as
   * loading what makes digests takes longer than asking a living keeper to end everything.
   */
  readonly stateTag: string;
  /** Per hour: of a process, of a reserved CPU, of a reserved gigabyte (1e9 bytes). */
  readonly prices: { readonly process: Known<NanoUsd>; readonly cpu: Known<NanoUsd>; readonly memory: Known<NanoUsd> };
  /** Ports that are handed out, both ends included. */
  readonly ports: { readonly from: number; readonly to: number };
  /** Size in bytes at which a log is rotated, and how many older ones are kept. */
  readonly logs: { readonly maxBytes: number; readonly files: number };
  /** The user's environment, which services inherit. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Starts a keeper; the folder of the incarnation is added as last argument. */
  readonly keeperCommand: readonly [string, ...string[]];
  /** Starts spin itself, for the `down` at the deadline. */
  readonly selfCommand: readonly [string, ...string[]];
}

/**
 * Services as process groups of this machine, under one keeper process per spin. Linux only: what a process is, who listens
 * on a port and what escaped is read from /proc. What is not needed to end what runs is loaded by who needs it.
 */
export function createLocalProvider(options: LocalOptions): Provider {
  const folders = new Map<string, SpinFolder>();
  const folderOf = ({ id, incarnation }: SpinRef): SpinFolder => {
    const which = `${id}/${incarnation}`;
    const known = folders.get(which) ?? spinFolder(options.stateDir, id, incarnation);
    folders.set(which, known);
    return known;
  };
  const startOf = (spin: SpinRef): KeeperStart => ({
    command: options.keeperCommand,
    env: options.env,
    get config() {
      return configOf(options, spin);
    },
  });
  const told = new Told();
  const underWay = new Map<string, Promise<Handle>>();

  return {
    name: 'local',
    snapshotEnding: '.tar.gz',
    kinds: ['keeper', 'secret', 'volume', 'service', 'route', 'registration'],

    unsupported,

    // This machine is the only place there is.
    locate: () => Promise.resolve({}),

    // The config has said all prices.
    quote: () => Promise.resolve(),

    preflight: async (spin, plan) => (await import('./preflight.ts')).preflight(options, folderOf(spin), plan),

    create: (request, call) => {
      // Two calls for one resource are one: neither may find what the other has half done.
      const which = `${request.token} ${request.fence} ${request.count}`;
      const making =
        underWay.get(which) ??
        create(request, call, options, folderOf(request.spin), startOf(request.spin), told).finally(() => underWay.delete(which));
      underWay.set(which, making);
      return making;
    },

    observe: async (targets, call) => {
      const [first] = targets;
      if (first === undefined) return new Map();
      const folder = folderOf(first.spin);
      const { observations, status } = await observeTargets(targets, folder, options, told.take(folder.root, call.clock.now()), call);
      if (status !== undefined) told.seen(folder.root, status);
      return observations;
    },

    nextChange: async (spin, maxMs, call) => {
      const { root } = folderOf(spin);
      const asked = await askKeeper(root, { verb: 'wait', version: told.version(root), maxMs }, maxMs + 2_000, call.signal);
      if (asked.state === 'answered') return told.waited(root, asked.status, call.clock.now());
      // Without a keeper nothing tells of changes; looking again soon has to do.
      await call.clock.sleep(Math.min(200, maxMs), call.signal);
    },

    release: (target, fence, call) =>
      release(target, options, { folder: folderOf(target.spin), fence, start: startOf(target.spin), call, told }),

    inventory: (scope, call) => inventory(options, scope, call),

    reclaim: (found, call) => reclaim(options, found, call),

    // Nothing is ever marked here: what has no record is known by its age.
    mark: () => Promise.resolve(),

    // Whatever lies in this state location is ours.
    own: () => Promise.resolve(),

    price: (shape) => priceOf(options.prices, shape),

    enforce: async (spin, deadline, fence, call) => {
      const folder = folderOf(spin);
      claimFence(folder.fences, fence);
      const status = await askLiving(folder, { verb: 'enforce', fence, deadline }, startOf(spin), call);
      return [enforcerOf(status.pid, status.deadline)];
    },

    enforcers: async (spin, call) => {
      const asked = await askKeeper(folderOf(spin).root, { verb: 'status' }, 2_000, call.signal);
      if (asked.state === 'answered') return [enforcerOf(asked.status.pid, asked.status.deadline)];
      return [{ name: 'keeper', armed: false, detail: asked.state === 'dead' ? 'the keeper is not running' : asked.reason }];
    },

    logs: (spin, query, call) => logsOf(folderOf(spin), query, call),

    exec: async (spin, request, call) => (await import('./exec.ts')).execInInstance(options, folderOf(spin), spin, request, call),

    credentials: ({ id }) =>
      Promise.reject(
        new Fault('invalid', 'no-cloud', `${id} runs on this machine, as you: there are no credentials that reach it`, {
          hint: `spin exec ${id} SERVICE -- COMMAND`,
        }),
      ),

    billed: () => Promise.reject(new Fault('invalid', 'never-billed', 'nobody sends a bill for this machine')),

    snapshot: async (spin, volume, file, call) =>
      (await import('./volumes.ts')).snapshotVolume(folderOf(spin).volumes, volume, file, call.signal),
  };
}

/** The keeper overwrites secrets some 0.1 s after they were printed; a reader must not be quicker. */
async function* logsOf(folder: SpinFolder, query: LogQuery, call: Call): AsyncGenerator<LogLine> {
  const [{ readLogs }, { folderRedactor }] = await Promise.all([import('./log-reader.ts'), import('./keeper/logs.ts')]);
  yield* readLogs(folder.logs, query, call.clock, call.signal, folderRedactor(folder));
}

/** What only a cloud has. */
function unsupported({ databases, volumes }: Spec): readonly string[] {
  return [
    ...Object.keys(databases).map((name) => `databases.${name}: it has no managed databases`),
    ...Object.entries(volumes).flatMap(([name, { from }]) =>
      from === 'snapshot' || from === 'disk' ? [`volumes.${name}: it has no disks; use folder or archive`] : [],
    ),
  ];
}

async function create(
  request: CreateRequest,
  call: Call,
  options: LocalOptions,
  folder: SpinFolder,
  start: KeeperStart,
  told: Told,
): Promise<Handle> {
  const { desire } = request;
  switch (desire.kind) {
    case 'keeper':
      makeFolder(folder);
      claimFence(folder.fences, request.fence);
      await writeKeeperFiles(folder, { ...start.config, withhold: desire.withhold ?? [] }, request.deadline);
      await startKeeper(folder, start, call);
      return { folder: folder.root };
    // The keeper comes first, and makes the folder: whoever finds none comes too late.
    case 'secret': {
      claimFence(folder.fences, request.fence);
      const mayWrite = (): void => confirmFence(folder.fences, request.fence);
      const io = { env: options.env, baseDir: desire.baseDir ?? '/', signal: call.signal, mayWrite };
      const { ms } = await issueSecret(folder.secrets, desire.name, desire.source, request.token, io);
      call.emit({ type: 'secret.issued', resource: request.key, ms });
      return { secret: desire.name };
    }
    case 'volume': {
      claimFence(folder.fences, request.fence);
      const { makeVolume, volumePath } = await import('./volumes.ts');
      const mayWrite = (): void => confirmFence(folder.fences, request.fence);
      const { bytes } = await makeVolume(folder.volumes, desire.name, desire.source, request.token, { signal: call.signal, mayWrite });
      return { volume: volumePath(folder.volumes, desire.name), bytes };
    }
    case 'service':
    case 'route':
    case 'registration': {
      await applyTogether(wantedOf(request), { folder, fence: request.fence, start, call, told });
      return { key: request.key };
    }
    case 'identity':
    case 'database':
    case 'firewall':
      throw new InternalError(`the local provider makes no ${desire.kind}`);
  }
}

async function release(target: Target, options: LocalOptions, keeping: Keeping): Promise<'requested' | 'absent'> {
  const { folder, fence, call } = keeping;
  const { desire } = target;
  if (desire.kind === 'service' || desire.kind === 'route' || desire.kind === 'registration') return releaseKept(target, options, keeping);
  if (!existsSync(folder.root)) return releaseUnkept(target, folder, options.stateTag, call);
  claimFence(folder.fences, fence);
  switch (desire.kind) {
    case 'keeper':
      return releaseKeeper(target, fence, folder, options.stateTag, call);
    case 'secret':
      await destroySecret(folder.secrets, desire.name);
      call.emit({ type: 'secret.destroyed', resource: target.key });
      return 'absent';
    case 'volume':
      await (await import('./volumes.ts')).removeVolume(folder.volumes, desire.name);
      return 'absent';
    case 'identity':
    case 'database':
    case 'firewall':
      return 'absent';
  }
}

/** Releases what a keeper runs. */
async function releaseKept(target: Target, options: LocalOptions, keeping: Keeping): Promise<'requested' | 'absent'> {
  try {
    const status = await releaseTogether(target.key, keeping);
    return status.resources[target.key] === undefined ? 'absent' : 'requested';
  } catch (thrown) {
    // No folder, or one in which no keeper ever was: nothing can have been started from it but what the marks show.
    if (thrown instanceof Fault && thrown.class === 'spin-gone')
      return releaseUnkept(target, keeping.folder, options.stateTag, keeping.call);
    throw thrown;
  }
}

function wantedOf(request: CreateRequest): Wanted {
  const { key, address, generation, token, count, desire, bindings } = request;
  const base = { key, address, generation, token, releasing: false };
  switch (desire.kind) {
    case 'service':
      return { ...base, kind: 'service', count, service: bindService(desire.service, bindings) };
    case 'route':
      return { ...base, kind: 'route', service: desire.service, expose: desire.expose };
    case 'registration':
      return {
        ...base,
        kind: 'registration',
        service: neededKey(request, `service.${desire.service}`),
        route: neededKey(request, desire.route),
      };
    default:
      throw new InternalError(`the keeper does not run a ${desire.kind}`);
  }
}

/** The generation of an address that a request stands on. */
function neededKey({ key, needs }: CreateRequest, address: string): string {
  const found = needs.find((need) => need.startsWith(`${address}@`));
  if (found === undefined) throw new InternalError(`${key} does not say which ${address} it needs`);
  return found;
}

function configOf(options: LocalOptions, spin: SpinRef): KeeperConfig {
  const { stateDir, stateTag, ports, logs, selfCommand } = options;
  return keeperConfig({ stateDir, stateTag, ports, logs, selfCommand }, spin);
}

function enforcerOf(pid: number, deadline: number): Enforcer {
  return { name: 'keeper', armed: true, detail: `process ${pid} ends it at ${isoTime(deadline)}` };
}

/** A rate that is not zero needs to know what is reserved: without that, the price is unknown. */
function priceOf(prices: LocalOptions['prices'], shape: Shape): Known<NanoUsd> {
  if (shape.kind !== 'service') return 0;
  return addMoney([prices.process, part(prices.cpu, shape.service?.cpu), part(prices.memory, gigabytes(shape.service?.memory))]);
}

function part(rate: Known<NanoUsd>, amount: number | undefined): Known<NanoUsd> {
  if (rate === 0) return 0;
  return rate === 'unknown' || amount === undefined ? 'unknown' : Math.round(rate * amount);
}

function gigabytes(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / 1e9;
}
