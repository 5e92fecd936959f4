import { canonicalJson } from '../core/ids.ts';
import type { Place, Provider } from '../providers/provider.ts';
import type { App } from './context.ts';
import { specHere } from './spec-request.ts';

/** A provider that may have things of ours, and where spins live in it by their records. */
export interface InUse {
  readonly provider: Provider;
  readonly places: readonly Place[];
}

/**
 * The providers that may have things of ours: those that the config speaks of, and those that a record names. A user who has never
 * been near a cloud is not kept waiting for its credentials.
 */
export async function providersInUse(app: App): Promise<readonly InUse[]> {
  const { seen } = await app.store.scan(({ provider, place, releasedAt }) => ({ provider, place, lives: releasedAt === undefined }));
  const providers = await load(app, new Set([...app.providers, ...seen.map(({ provider }) => provider)]));
  return providers.map((provider) => {
    const places = seen.flatMap((one) => (one.provider === provider.name && one.lives && one.place !== undefined ? [one.place] : []));
    return { provider, places: [...new Map(places.map((place) => [canonicalJson(place), place])).values()] };
  });
}

/**
 * Also that of the spec at hand, which is in use, and those that only the environment speaks of: for a question that goes beyond the
 * records, after they were lost.
 * @param file the spec, where it is not the one in the working directory
 */
export async function providersInReach(
  app: App,
  file?: string,
): Promise<readonly { readonly provider: Provider; readonly inUse: boolean }[]> {
  const here = await specHere(app, file);
  const used = new Set([...(await namesInUse(app)), ...(here === undefined ? [] : [here.provider])]);
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
