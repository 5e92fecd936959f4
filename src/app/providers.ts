import type { Provider } from '../providers/provider.ts';
import type { App } from './context.ts';

/**
 * The providers that may have things of ours: those that the config speaks of, and those that a record names. A user who has never
 * been near a cloud is not kept waiting for its credentials.
 */
export async function providersInUse(app: App): Promise<readonly Provider[]> {
  const { seen } = await app.store.scan((record) => record.provider);
  const names = new Set([...app.providers, ...seen]);
  return Promise.all([...names].map((name) => app.provider(name)));
}
