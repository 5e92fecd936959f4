import { parseSpinId } from '../core/ids.ts';
import { markFailed } from '../lifecycle/effects.ts';
import { survey } from '../lifecycle/survey.ts';
import type { App } from './context.ts';
import { takeLease, workOn } from './work-on.ts';

const PATIENCE_MS = 30_000;

/**
 * Writes down that resources which were ready have failed, so that `ls` tells without asking anybody.
 * Run by a keeper that gave an instance up; whatever command holds the lease at the moment goes first.
 * @returns the keys that are marked failed now
 */
export async function notice(app: App, request: { readonly id: string; readonly incarnation: string }): Promise<readonly string[]> {
  const session = await takeLease(app, { id: parseSpinId(request.id), command: 'notice', take: 'claim', waitMs: PATIENCE_MS });
  if (session === undefined) return [];
  try {
    const { record } = session;
    if (record.incarnation !== request.incarnation || record.desired === 'down') return [];
    const work = workOn(app, session, await app.provider(record.provider));
    const { resources, observations } = await survey(work, record);
    const failed: string[] = [];
    for (const resource of resources) {
      const fault = observations.get(resource.key)?.failure;
      if (resource.status !== 'ready' || fault === undefined) continue;
      await markFailed(work, resource, fault);
      await session.update((latest) => ({ ...latest, failure: fault, updatedAt: app.clock.now() }));
      work.call.emit({ type: 'spin.failed', resource: resource.key, fault });
      failed.push(resource.key);
    }
    return failed;
  } finally {
    await session.close();
  }
}
