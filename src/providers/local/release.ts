import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { systemCode } from '../../core/errors.ts';
import { Fault } from '../fault.ts';
import type { Call, SpinRef, Target } from '../provider.ts';
import { askKeeper } from './control.ts';
import { endGroup } from './end-group.ts';
import { type Desired, readDesired } from './keeper/state.ts';
import type { Mark, SpinFolder } from './layout.ts';
import { destroySecret } from './secrets.ts';

const STOP_TIMEOUT_MS = 10_000;
const STRAY_GRACE_MS = 1_000;

/** Ends what carries the mark of a resource whose folder is gone: all that can be left of it. @throws Fault */
export async function releaseUnkept(target: Target, folder: SpinFolder, stateTag: string, call: Call): Promise<'absent'> {
  const { spin, key, kind } = target;
  const ours = (mark: Mark): boolean => isOf(mark, spin, stateTag) && (mark.resource === key || kind === 'keeper');
  await endGroup({ owns: ({ mark }) => ours(mark), signal: 'SIGTERM', timeoutMs: STRAY_GRACE_MS }, call.clock);
  // Who removed the folder may have died before the last step.
  if (kind === 'keeper') removeEmptyParent(folder);
  return 'absent';
}

/**
 * Stops the keeper and removes the folder. A keeper that still runs services which nobody asked to release stays.
 * @throws Fault `conflict` `keeper-in-use`
 */
export async function releaseKeeper(
  target: Target,
  fence: number,
  folder: SpinFolder,
  stateTag: string,
  call: Call,
): Promise<'requested' | 'absent'> {
  const giveUp = call.clock.now() + STOP_TIMEOUT_MS;
  for (let pause = 3; ; pause = Math.min(50, pause * 1.5)) {
    const asked = await askKeeper(folder.root, { verb: 'stop', fence }, STOP_TIMEOUT_MS, call.signal);
    if (asked.state === 'dead') break;
    if (call.clock.now() >= giveUp) return 'requested';
    await call.clock.sleep(pause, call.signal);
  }
  refuseInUse(folder);
  await endGroup({ owns: ({ mark }) => isOf(mark, target.spin, stateTag), signal: 'SIGTERM', timeoutMs: STRAY_GRACE_MS }, call.clock);
  await removeFolder(folder);
  return 'absent';
}

/** Removes all files of an incarnation, its secrets overwritten first, and the folder of the ID where that is empty then. */
export async function removeFolder(folder: SpinFolder): Promise<void> {
  // What could not be overwritten is deleted with the rest.
  await Promise.allSettled(secretsIn(folder).map((name) => destroySecret(folder.secrets, name)));
  await rm(folder.root, { recursive: true, force: true, maxRetries: 3 });
  removeEmptyParent(folder);
}

function removeEmptyParent(folder: SpinFolder): void {
  try {
    rmdirSync(folder.parent);
  } catch (thrown) {
    const code = systemCode(thrown);
    if (code !== 'ENOENT' && code !== 'ENOTEMPTY' && code !== 'EEXIST') throw thrown;
  }
}

/** Names of the secrets that a folder holds, were it only half of one. */
export function secretsIn(folder: SpinFolder): readonly string[] {
  return [...new Set(namesIn(folder.secrets).map((name) => name.replace(/(?:\.token|\.partial)+$/, '')))].filter(
    (name) => !name.startsWith('.'),
  );
}

/** Entries of a folder; none where it is not there. */
export function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return [];
    throw thrown;
  }
}

/** True where a mark belongs to this incarnation under this state location. */
export function isOf(mark: Mark, spin: Pick<SpinRef, 'id' | 'incarnation'>, stateTag: string): boolean {
  return mark.state === stateTag && mark.id === spin.id && mark.incarnation === spin.incarnation;
}

function refuseInUse(folder: SpinFolder): void {
  if (!existsSync(folder.desired)) return;
  let desired: Desired | undefined;
  try {
    desired = readDesired(folder.desired);
  } catch {
    // Damaged by a crash of the machine: nothing that it could name runs any more, or the marks show it.
    return;
  }
  const kept = Object.values(desired?.wanted ?? {}).find((wanted) => !wanted.releasing);
  if (kept !== undefined) throw new Fault('conflict', 'keeper-in-use', `the keeper still has ${kept.key}, which nobody asked to release`);
}
