import type { Provider } from '../providers/provider.ts';
import type { App } from './context.ts';

/**
 * The providers that may have things of ours: those that the config speaks of, and those that a record names. A user who has never
 * been near a cloud is not kept waiting for its credentials.
 */
export async function providersInUse(app: App): Promise<readonly Provider[]> {
  return load(app, await namesInUse(app));
}

/** Also those that only the environment speaks of: for a question that goes beyond the records, after they were lost. */
export async function providersInReach(app: App): Promise<readonly { readonly provider: Provider; readonly inUse: boolean }[]> {
  const used = await namesInUse(app);
  const providers = await load(app, new Set([...used, ...app.reachable]));
  return providers.map((provider) => ({ provider, inUse: used.has(provider.name) }));
}

/** Names of the providers that the config speaks of, or a record. */
export async function namesInUse(app: App): Promise<ReadonlySet<string>> {
  const { seen } = await app.store.scan((record) => record.provider);
  return new Set([...app.providers, ...seen]);
}

function load(app: App, names: ReadonlySet<string>): Promise<readonly Provider[]> {
  return Promise.all([...names].map((name) => app.provider(name)));
}
