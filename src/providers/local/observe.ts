import { existsSync } from 'node:fs';
import { messageOf } from '../../core/errors.ts';
import type { Call, Observation, Target } from '../provider.ts';
import { type Asked, askKeeper, type KeeperStatus } from './control.ts';
import { observeUnkept } from './keeper/observation.ts';
import { type Desired, type Instances, readDesired, readInstances } from './keeper/state.ts';
import type { SpinFolder } from './layout.ts';
import { ProcessTable } from './processes.ts';
import { secretFile } from './secrets.ts';

const ANSWER_TIMEOUT_MS = 5_000;
const UNKEPT = 'the keeper is not running';

interface Place {
  /** Read only where no keeper answers. */
  readonly stateTag: string;
}

/**
 * Answers for all targets with at most one question to the keeper; what it cannot answer is read from what it wrote.
 * @param told what the keeper told just now, if it did
 */
export async function observeTargets(
  targets: readonly Target[],
  folder: SpinFolder,
  place: Place,
  told: KeeperStatus | undefined,
  call: Call,
): Promise<{ readonly observations: ReadonlyMap<string, Observation>; readonly status: KeeperStatus | undefined }> {
  const needsKeeper = targets.some(({ kind }) => kind !== 'secret' && kind !== 'volume');
  const asked = needsKeeper ? await askFor(folder, told, call) : ({ state: 'dead' } as const);
  const unkept = needsKeeper && asked.state === 'dead' ? readUnkept(folder, place.stateTag, targets) : undefined;
  const observations = new Map<string, Observation>();
  for (const target of targets) observations.set(target.key, await observeOne(target, folder, asked, unkept));
  return { observations, status: asked.state === 'answered' ? asked.status : undefined };
}

async function askFor(folder: SpinFolder, told: KeeperStatus | undefined, call: Call): Promise<Asked> {
  if (told !== undefined) return { state: 'answered', status: told };
  return askKeeper(folder.root, { verb: 'status' }, ANSWER_TIMEOUT_MS, call.signal);
}

async function observeOne(
  target: Target,
  folder: SpinFolder,
  asked: Asked,
  unkept: ((target: Target) => Observation) | undefined,
): Promise<Observation> {
  const { desire } = target;
  try {
    if (desire.kind === 'secret')
      return existsSync(secretFile(folder.secrets, desire.name)) ? state('running', 'issued') : state('absent', 'not issued');
    if (desire.kind === 'volume') {
      const { volumeExists, volumeLeft } = await import('./volumes.ts');
      if (await volumeExists(folder.volumes, desire.name)) return state('running', 'made');
      return (await volumeLeft(folder.volumes, desire.name)) ? state('pending', 'half made') : state('absent', 'not made');
    }
  } catch (thrown) {
    return state('unknown', messageOf(thrown));
  }
  if (desire.kind === 'firewall') return state('absent', 'this provider has no firewalls');
  if (asked.state === 'silent') return state('unknown', asked.reason);
  if (asked.state === 'dead') {
    if (desire.kind === 'keeper') return state('absent', existsSync(folder.root) ? UNKEPT : 'not started');
    return stalled(unkept?.(target) ?? state('unknown', UNKEPT));
  }
  if (desire.kind === 'keeper') return state('running', `process ${asked.status.pid}`);
  return asked.status.resources[target.key] ?? state('absent', 'the keeper does not run it');
}

/** What stands without a keeper, from its two documents and the process table. */
function readUnkept(folder: SpinFolder, stateTag: string, targets: readonly Target[]): (target: Target) => Observation {
  let desired: Desired | undefined;
  let instances: Instances | undefined;
  let marked: ReadonlySet<string>;
  try {
    desired = readDesired(folder.desired);
    instances = readInstances(folder.instances);
    marked = resourcesWithProcesses(targets, stateTag);
  } catch (thrown) {
    return () => state('unknown', `${UNKEPT}, and its state cannot be read: ${messageOf(thrown)}`);
  }
  return (target) => {
    const wanted = desired?.wanted[target.key];
    if (wanted === undefined) {
      return marked.has(target.key) ? state('pending', `${UNKEPT}, and left processes of it`) : state('absent', 'nothing was started');
    }
    if (wanted.kind === 'service') {
      const states = Object.values(instances?.instances ?? {}).filter((instance) => instance.resource === target.key);
      return observeUnkept(wanted, states);
    }
    return state(wanted.releasing ? 'stopping' : 'pending', UNKEPT);
  };
}

/** A keeper that died in the middle of something is started by the next request, and by nothing else. */
function stalled(seen: Observation): Observation {
  return seen.state === 'pending' || seen.state === 'stopping' ? { ...seen, stalled: true } : seen;
}

function resourcesWithProcesses(targets: readonly Target[], stateTag: string): ReadonlySet<string> {
  const table = new ProcessTable();
  const found = new Set<string>();
  const spin = targets[0]?.spin;
  for (const entry of table.running) {
    const mark = table.mark(entry)?.mark;
    if (mark?.state === stateTag && mark.id === spin?.id && mark.incarnation === spin.incarnation) found.add(mark.resource);
  }
  return found;
}

function state(name: Observation['state'], reason: string): Observation {
  return { state: name, reason, instances: [], endpoints: [] };
}
