import type { SpinId } from '../core/ids.ts';
import type { Call, Provider } from '../providers/provider.ts';
import type { StoredRecord } from '../store/store.ts';
import type { App } from './context.ts';
import { silent } from './emitter.ts';
import { requestedId } from './spec-request.ts';
import { notFound } from './work-on.ts';

/** A spin as read-only use cases see it: no lease is taken. */
export interface Look {
  readonly stored: StoredRecord;
  readonly provider: Provider;
  readonly call: Call;
}

/** Finds a spin by its ID, or by the spec in the working directory. @throws SpinError `spin-not-found`, `usage` */
export async function lookAt(app: App, id: string | undefined): Promise<Look> {
  const wanted: SpinId = await requestedId(app, id);
  const stored = await app.store.read(wanted);
  if (stored === undefined || stored.record.releasedAt !== undefined) return notFound(app, wanted);
  const provider = await app.provider(stored.record.provider);
  return { stored, provider, call: { clock: app.clock, signal: app.signal, emit: silent } };
}
