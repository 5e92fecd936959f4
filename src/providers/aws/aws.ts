import type { ResourceKind } from '../../plan/plan.ts';
import type { Spec } from '../../spec/spec.ts';
import type { Call, Handle, InventoryScope, Observation, Provider, SpinRef } from '../provider.ts';
import { outdateAhead } from './ahead.ts';
import { createClouds } from './client/clouds.ts';
import type { Clouds } from './cloud.ts';
import type { AwsOptions } from './options.ts';
import { type Feature, FEATURES } from './features.ts';
import { GRID_MS } from './pace.ts';
import { admit, inReach } from './place.ts';
import { openRegion, type Region } from './region.ts';
import type { PriceBook } from './price/prices.ts';
import { unsupported } from './unsupported.ts';

/** What the composition root gives to the provider. */
export interface AwsProviderOptions extends AwsOptions {
  /** Folder of the installed package's templates; absolute. */
  readonly templatesDir: string;
}

/** From pending to the first line of user data: firmware, kernel, network and cloud-init take up to about a minute and a half. */
const BOOT_MS = 90_000;

/** Where something of ours may be. */
interface Everywhere {
  readonly all: readonly Region[];
  /** Those of them that the config does not sweep. */
  readonly others: ReadonlySet<Region>;
  /** Settles when it is known whether the places of the scope are within reach. */
  readonly proven: Promise<unknown>;
}

/** The questions of a round have left by then, and no answer has come. */
const ASKED_MS = 35;

/**
 * Services as EC2 instances, in any region and against any endpoint that the environment names. What a command does not need is not
 * loaded: each kind of resource is a file of its own, and so are the SDK clients behind it. AWS knows nothing of fencing numbers; the
 * lease that the engine checks before each call is what there is.
 */
export function createAwsProvider(options: AwsProviderOptions, clouds: Clouds = createClouds(options)): Provider {
  const { settings } = options;
  const regions = new Map<string, Region>();
  const features = new Map<string, Promise<Feature>>();
  const underWay = new Map<string, Promise<Handle>>();

  const open = (name: string, call: Call): Region => {
    const region = regions.get(name) ?? openRegion(clouds.in(name), call);
    regions.set(name, region);
    return region;
  };
  const regionOf = async (spin: SpinRef, call: Call): Promise<Region> => open(spin.place?.region ?? (await clouds.region(undefined)), call);
  const featureIn = (region: Region, kind: ResourceKind): Promise<Feature> => {
    const which = `${region.cloud.region} ${kind}`;
    const feature = features.get(which) ?? FEATURES[kind](region, options, () => book);
    features.set(which, feature);
    return feature;
  };
  const featureOf = async (kind: ResourceKind, spin: SpinRef, call: Call): Promise<Feature> => featureIn(await regionOf(spin, call), kind);
  /** The feature for what makes or deletes. @throws Fault `account-refused` */
  const admitted = async (kind: ResourceKind, spin: SpinRef, call: Call): Promise<Feature> => {
    const region = await regionOf(spin, call);
    await admit(region.cloud, call);
    return featureIn(region, kind);
  };
  /** Loads what every first `up` makes, while its questions are under way: what fails is told to who needs it. */
  const loadAhead = async (name: string, call: Call): Promise<void> => {
    await call.clock.sleep(ASKED_MS, call.signal);
    const region = open(name, call);
    await Promise.allSettled([import('./preflight/preflight.ts'), featureIn(region, 'firewall'), featureIn(region, 'service')]);
  };
  /**
   * What is swept comes first, then where this process worked, and where spins of the scope live. Whoever is told what is out of reach has it
   * left out; for anybody else it is a failure, which is found out while lists are under way.
   * @throws Fault, as admit and inReach
   */
  const everywhere = async (call: Call, scope: InventoryScope = {}): Promise<Everywhere> => {
    const { places = [] } = scope;
    // Where nothing else says a region, a place does.
    for (const { region } of places) if (region !== undefined) clouds.in(region);
    const swept = (await clouds.swept()).map((name) => open(name, call));
    const [home] = swept;
    if (home !== undefined) await admit(home.cloud, call);
    const proven = home === undefined ? Promise.resolve([]) : inReach(home.cloud, scope, call);
    proven.catch(() => undefined);
    const reached = scope.beyond === undefined ? places : await proven;
    for (const { region } of reached) if (region !== undefined) open(region, call);
    const others = [...regions.values()].filter((region) => !swept.includes(region));
    return { all: [...swept, ...others], others: new Set(others), proven };
  };
  let book: PriceBook | undefined;

  return {
    name: 'aws',
    elsewhere: true,
    bills: true,
    snapshotEnding: '.json',
    bootMs: BOOT_MS,
    kinds: [
      ...(settings.schedulerRole === undefined ? [] : (['keeper'] as const)),
      ...(['identity', 'secret', 'volume', 'database', 'firewall', 'service'] as const),
      ...(settings.listener === undefined ? [] : (['route', 'registration'] as const)),
    ],

    unsupported: (spec: Spec) => unsupported(spec, settings),

    locate: async (spec, call) => {
      const [{ locate }, { askAhead }] = await Promise.all([import('./place.ts'), import('./preflight/early.ts')]);
      // Only what is new is located, and that is what a preflight is made of next.
      const name = await clouds.region(spec.region);
      askAhead(clouds.in(name), spec, call);
      loadAhead(name, call).catch(() => undefined);
      return locate(clouds, spec, call);
    },

    quote: async (spec, call) => {
      const [{ openPrices }, { askAhead }] = await Promise.all([import('./price/prices.ts'), import('./preflight/early.ts')]);
      book ??= openPrices(clouds, options);
      const cloud = clouds.in(await clouds.region(spec.region));
      // What has prices to ask for is most likely new; a spin that stands has asked for nothing when nothing is due.
      await book.quote(spec, call, () => askAhead(cloud, spec, call));
    },

    price: (shape) => book?.price(shape) ?? 'unknown',

    preflight: async (spin, plan, call) => {
      const [{ preflight }, region] = await Promise.all([import('./preflight/preflight.ts'), regionOf(spin, call)]);
      return preflight(region, spin, plan, book, call);
    },

    create: (request, call) => {
      // Two calls for one resource are one: neither may find what the other has half done.
      const which = [request.token, request.count, request.attempt ?? 0].join(' ');
      const making =
        underWay.get(which) ??
        admitted(request.kind, request.spin, call)
          .then((feature) => feature.create(request, call))
          .finally(() => underWay.delete(which));
      underWay.set(which, making);
      return making;
    },

    observe: async (targets, call) => {
      const groups = [...Map.groupBy(targets, ({ kind }) => kind)].map(async ([kind, some]) => {
        const [first] = some;
        if (first === undefined) return new Map<string, Observation>();
        return (await featureOf(kind, first.spin, call)).observe(some, call);
      });
      return new Map((await Promise.all(groups)).flatMap((answers) => [...answers]));
    },

    // On a grid of the clock, so that all who wait look at once. How often that becomes a request is for what they look at to say.
    nextChange: (_spin, maxMs, call) => call.clock.sleep(Math.min(maxMs, GRID_MS - (call.clock.now() % GRID_MS)), call.signal),

    release: async (target, _fence, call) => {
      outdateAhead((await regionOf(target.spin, call)).cloud);
      return (await admitted(target.kind, target.spin, call)).release(target, call);
    },

    inventory: async (scope, call) => {
      const [{ inventory }, { all, others, proven }] = await Promise.all([import('./sweep/inventory.ts'), everywhere(call, scope)]);
      const listed = inventory(all, scope, call, others);
      listed.catch(() => undefined);
      // That one looks in the wrong account says more than what may not be listed there.
      await proven;
      return listed;
    },

    reclaim: async (found, call) => {
      const [{ reclaim }, { all }] = await Promise.all([import('./sweep/inventory.ts'), everywhere(call)]);
      for (const { cloud } of all) outdateAhead(cloud);
      return reclaim(all, found, call);
    },

    mark: async (found, since, call) => {
      const [{ mark }, { all }] = await Promise.all([import('./sweep/inventory.ts'), everywhere(call)]);
      return mark(all, found, since, call);
    },

    own: async (found, call) => {
      const [{ own }, { all }] = await Promise.all([import('./sweep/inventory.ts'), everywhere(call)]);
      return own(all, found, call);
    },

    enforce: async (spin, deadline, _fence, call) => {
      const [{ enforce }, region] = await Promise.all([import('./deadline/enforcers.ts'), regionOf(spin, call)]);
      return enforce(region, spin, deadline, call).finally(() => region.machines.forget(spin));
    },

    enforcers: async (spin, call) => {
      const [{ enforcers }, region] = await Promise.all([import('./deadline/enforcers.ts'), regionOf(spin, call)]);
      return enforcers(region, spin, call);
    },

    async *logs(spin, query, call) {
      const [{ readLogs }, region] = await Promise.all([import('./access/logs.ts'), regionOf(spin, call)]);
      yield* readLogs(region, spin, query, call);
    },

    exec: async (spin, request, call) => {
      const [{ execOn }, region] = await Promise.all([import('./access/exec.ts'), regionOf(spin, call)]);
      return execOn(region, spin, request, call);
    },

    credentials: async (spin, durationMs, call) => {
      const [{ credentials }, region] = await Promise.all([import('./credentials.ts'), regionOf(spin, call)]);
      return credentials(region.cloud, spin, durationMs, call);
    },

    billed: async (from, to, call) => {
      const [{ billed }, home] = await Promise.all([import('./price/billed.ts'), clouds.region(undefined)]);
      return billed(clouds.in(home), from, to, call);
    },

    snapshot: async (spin, volume, file, call) => {
      const [{ snapshotVolume }, region] = await Promise.all([import('./data/volume-snapshot.ts'), regionOf(spin, call)]);
      return snapshotVolume(region.cloud, spin, volume, file, call);
    },
  };
}
