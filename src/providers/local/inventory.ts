import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { type Incarnation, isSpinId, type SpinId } from '../../core/ids.ts';
import { Fault } from '../fault.ts';
import type { Call, Found } from '../provider.ts';
import { endGroup } from './end-group.ts';
import { KEEPER_INSTANCE, type SpinFolder, spinFolder, spinsRoot } from './layout.ts';
import { commandOf, identityOf, ProcessTable, type Identity } from './processes.ts';
import { isOf, namesIn, removeFolder, secretsIn } from './release.ts';

interface Place {
  readonly stateDir: string;
  readonly stateTag: string;
}

const GRACE_MS = 2_000;

/** Folders under the state location, and processes that carry its mark. @throws Fault where either cannot be read */
export function inventory(place: Place, scope: { readonly id?: SpinId }, call: Call): Promise<readonly Found[]> {
  call.signal.throwIfAborted();
  try {
    return Promise.resolve([...findFolders(place, scope.id), ...findProcesses(place, scope.id)]);
  } catch (thrown) {
    throw new Fault('transient', 'inventory-failed', `the inventory cannot be taken: ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** Ends and deletes, keeper first, as it would start again what is ended under it. @throws Fault */
export async function reclaim(place: Place, found: readonly Found[], call: Call): Promise<'absent'> {
  for (const spin of new Map(found.map((thing) => [`${thing.id}/${thing.incarnation}`, thing])).values()) {
    call.signal.throwIfAborted();
    const things = found.filter((thing) => thing.id === spin.id && thing.incarnation === spin.incarnation);
    if (things.some(({ kind }) => kind === 'folder')) await reclaimAll(place, spin, call);
    else await reclaimSome(things, place, spin, call);
  }
  return 'absent';
}

async function reclaimAll(place: Place, spin: Found, call: Call): Promise<void> {
  await endKeeper(place, spin, call);
  await endGroup({ owns: ({ mark }) => isOf(mark, spin, place.stateTag), signal: 'SIGTERM', timeoutMs: GRACE_MS }, call.clock);
  await removeFolder(spinFolder(place.stateDir, spin.id, spin.incarnation));
}

async function reclaimSome(things: readonly Found[], place: Place, spin: Found, call: Call): Promise<void> {
  if (things.some(({ kind }) => kind === 'keeper')) await endKeeper(place, spin, call);
  const wanted = new Set(things.flatMap(({ handle }) => (typeof handle['process'] === 'string' ? [handle['process']] : [])));
  if (wanted.size === 0) return;
  const table = new ProcessTable();
  const alive = table.running.filter((entry) => wanted.has(processKey(identityOf(entry))));
  const resources = new Set(alive.map((entry) => table.mark(entry)?.mark.resource));
  // Whole resources go, so that what a process started in the meantime goes with it.
  const owns = (resource: string): boolean => resources.has(resource);
  await endGroup(
    { owns: ({ mark }) => isOf(mark, spin, place.stateTag) && owns(mark.resource), signal: 'SIGTERM', timeoutMs: GRACE_MS },
    call.clock,
  );
}

async function endKeeper(place: Place, spin: Found, call: Call): Promise<void> {
  const isKeeper = (instance: string): boolean => instance === KEEPER_INSTANCE;
  await endGroup(
    { owns: ({ mark }) => isOf(mark, spin, place.stateTag) && isKeeper(mark.instance), signal: 'SIGTERM', timeoutMs: GRACE_MS },
    call.clock,
  );
}

function findFolders(place: Place, only: SpinId | undefined): readonly Found[] {
  const root = spinsRoot(place.stateDir);
  const ids = only === undefined ? namesIn(root) : existsSync(join(root, only)) ? [only] : [];
  return ids.filter(isSpinId).flatMap((id) =>
    namesIn(join(root, id))
      .filter(isIncarnation)
      .flatMap((incarnation) => findParts(place, id, incarnation)),
  );
}

function findParts(place: Place, id: SpinId, incarnation: Incarnation): readonly Found[] {
  const folder = spinFolder(place.stateDir, id, incarnation);
  const seen = statSync(folder.root, { throwIfNoEntry: false });
  // Released since the folder above it was read.
  if (seen === undefined) return [];
  const createdAt = Math.round(seen.birthtimeMs);
  const base = { provider: 'local', id, incarnation, createdAt };
  const secrets = secretsIn(folder).map((name): Found => ({
    ...base,
    resource: `secret.${name}`,
    kind: 'secret',
    what: `secret ${name}`,
    handle: { path: join(folder.secrets, name) },
  }));
  const volumes = volumesIn(folder).map((name): Found => ({
    ...base,
    resource: `volume.${name}`,
    kind: 'volume',
    what: `volume ${name}`,
    handle: { path: join(folder.volumes, name) },
  }));
  return [{ ...base, resource: '', kind: 'folder', what: `folder ${folder.root}`, handle: { path: folder.root } }, ...secrets, ...volumes];
}

/** Names of the volumes that a folder holds, were it only what a broken try left. */
function volumesIn(folder: SpinFolder): readonly string[] {
  return [...new Set(namesIn(folder.volumes).map((name) => name.replace(/\.partial-[^.]*$|\.origin$/, '')))];
}

function findProcesses(place: Place, only: SpinId | undefined): readonly Found[] {
  const table = new ProcessTable();
  const spared = table.lineage(process.pid);
  return table.running.flatMap((entry): readonly Found[] => {
    const mark = table.mark(entry)?.mark;
    if (mark === undefined || mark.state !== place.stateTag || spared.has(entry.pid)) return [];
    if (!isSpinId(mark.id) || !isIncarnation(mark.incarnation) || (only !== undefined && mark.id !== only)) return [];
    return [
      {
        provider: 'local',
        id: mark.id,
        incarnation: mark.incarnation,
        resource: mark.resource,
        kind: mark.instance === KEEPER_INSTANCE ? 'keeper' : 'process',
        what: `process ${entry.pid} (${commandOf(entry.pid)})`,
        handle: { process: processKey(identityOf(entry)) },
      },
    ];
  });
}

function processKey({ pid, startTime, boot }: Identity): string {
  return `${pid}/${startTime}/${boot}`;
}

function isIncarnation(name: string): name is Incarnation {
  return /^[0-9a-z]{26}$/.test(name);
}
