import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { SpinError } from '../core/errors.ts';
import { Fault } from '../providers/fault.ts';
import { spinOf } from '../lifecycle/work.ts';
import { didYouMean } from '../spec/problems.ts';
import type { App } from './context.ts';
import { lookAt } from './look.ts';
import type { SnapshotOutcome } from './outcomes.ts';

export interface SnapshotRequest {
  readonly id: string;
  readonly volume: string;
  /** Where the archive goes; `ID-VOLUME` with the provider's ending in the working directory unless told. */
  readonly file?: string;
  /** Overwrite a file that is there. */
  readonly force: boolean;
}

/** Writes a volume of a spin into an archive that another spec can start from. @throws SpinError `service-not-found`, `snapshot-failed`; `file-exists`, before anything is made */
export async function snapshot(app: App, request: SnapshotRequest): Promise<SnapshotOutcome> {
  const { stored, provider, call } = await lookAt(app, request.id);
  const { record } = stored;
  const known = Object.keys(record.spec.volumes);
  if (!known.includes(request.volume)) {
    throw new SpinError('service-not-found', `${record.id} has no volume ${JSON.stringify(request.volume)}`, {
      hint: didYouMean(request.volume, known) ?? (known.length === 0 ? 'its spec names no volumes' : `it has ${known.join(', ')}`),
    });
  }
  const file = resolve(app.cwd, request.file ?? `${record.id}-${request.volume}${provider.snapshotEnding}`);
  if (!request.force && existsSync(file))
    throw new SpinError('file-exists', `${file} exists already`, { hint: 'name another file, or add --force', data: { file } });
  try {
    return { id: record.id, volume: request.volume, file, ...(await provider.snapshot(spinOf(record), request.volume, file, call)) };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    throw new SpinError('snapshot-failed', thrown.message, { cause: thrown });
  }
}
