import type { ResourceKind } from '../../plan/plan.ts';
import type { Call, CreateRequest, Handle, Observation, Target } from '../provider.ts';
import type { PriceBook } from './price/prices.ts';
import type { Region } from './region.ts';

/** What is made, looked at and let go, for one kind of resource in one region. */
export interface Feature {
  create(request: CreateRequest, call: Call): Promise<Handle>;
  observe(targets: readonly Target[], call: Call): Promise<ReadonlyMap<string, Observation>>;
  release(target: Target, call: Call): Promise<'requested' | 'absent'>;
}

/** Every kind, by the file that makes it; loaded when the first of the kind is asked for. */
export const FEATURES: Readonly<
  Record<
    ResourceKind,
    (region: Region, options: { readonly templatesDir: string }, prices: () => PriceBook | undefined) => Promise<Feature>
  >
> = {
  keeper: async (region) => {
    const { cloud } = region;
    const { createKeeper, observeKeepers, releaseKeeper } = await import('./deadline/enforcers.ts');
    return remembered(region, {
      create: (request, call) => createKeeper(cloud, request, call),
      observe: (targets, call) => observeKeepers(region, targets, call),
      release: (target, call) => releaseKeeper(region, target, call),
    });
  },
  identity: async (region) => {
    const { cloud } = region;
    const { createIdentity, observeIdentities, releaseIdentity } = await import('./data/identity.ts');
    return remembered(region, {
      create: (request, call) => createIdentity(cloud, request, call),
      observe: (targets, call) => observeIdentities(region, targets, call),
      release: (target, call) => releaseIdentity(region, target, call),
    });
  },
  secret: async (region) => {
    const { cloud } = region;
    const { createSecret, observeSecrets, releaseSecret } = await import('./data/secrets.ts');
    return remembered(region, {
      create: (request, call) => createSecret(cloud, request, call),
      observe: (targets, call) => observeSecrets(region, targets, call),
      release: (target, call) => releaseSecret(region, target, call),
    });
  },
  volume: async (region) => {
    const { cloud } = region;
    const { createVolume, observeVolumes, releaseVolume } = await import('./data/volumes.ts');
    return remembered(region, {
      create: (request, call) => createVolume(cloud, request, call),
      observe: (targets, call) => observeVolumes(region, targets, call),
      release: (target, call) => releaseVolume(region, target, call),
    });
  },
  database: async (region) => {
    const { cloud, groups } = region;
    const { createDatabase, observeDatabases, releaseDatabase } = await import('./data/databases.ts');
    return remembered(region, {
      create: (request, call) => createDatabase(cloud, groups, request, call),
      observe: (targets, call) => observeDatabases(region, targets, call),
      release: (target, call) => releaseDatabase(region, target, call),
    });
  },
  firewall: async (region) => {
    const { createFirewall, observeFirewalls, releaseFirewall } = await import('./network/firewalls.ts');
    return {
      create: (request, call) => createFirewall(region, request, call),
      observe: (targets, call) => observeFirewalls(region, targets, call),
      release: (target, call) => releaseFirewall(region, target, call),
    };
  },
  service: async (region, { templatesDir }, prices) => {
    const [{ createService }, { releaseService }, { observeServices }, { readPrograms }] = await Promise.all([
      import('./instances/instances.ts'),
      import('./instances/ending.ts'),
      import('./instances/observe-instances.ts'),
      import('./instances/user-data.ts'),
    ]);
    const programs = await readPrograms(templatesDir);
    return {
      create: (request, call) => createService(region, programs, request, call),
      observe: (targets, call) => observeServices(region, prices(), targets, call),
      release: (target, call) => releaseService(region, target, call),
    };
  },
  route: async (region) => {
    const { cloud } = region;
    const { createRoute, observeRoutes, releaseRoute } = await import('./register/routes.ts');
    return remembered(region, {
      create: (request, call) => createRoute(cloud, request, call),
      observe: (targets, call) => observeRoutes(region, targets, call),
      release: (target, call) => releaseRoute(region, target, call),
    });
  },
  registration: async (region) => {
    const { cloud, machines } = region;
    const { createRegistration, observeRegistrations, releaseRegistration } = await import('./register/registrations.ts');
    return remembered(region, {
      create: (request, call) => createRegistration(cloud, machines, request, call),
      observe: (targets, call) => observeRegistrations(cloud, machines, targets, call),
      release: (target, call) => releaseRegistration(cloud, machines, target, call),
    });
  },
};

/**
 * What was asked for, and whether it was answered, is kept. What was asked to go and is still to be seen is asked for again, with growing
 * pauses: a deletion that was sent while the thing was not shown yet had no effect.
 */
function remembered({ asked, leaving }: Region, feature: Feature): Feature {
  return {
    create: (request, call) => {
      leaving.forget(request.spin, request.key);
      return asked.creating(request, call, () => feature.create(request, call));
    },
    observe: async (targets, call) => {
      const seen = await feature.observe(targets, call);
      return new Map(
        [...seen].map(([key, observation]) => {
          const target = targets.find((each) => each.key === key);
          const going = target === undefined || observation.state === 'absent' ? undefined : leaving.observation(target.spin, key);
          return [key, going === undefined ? observation : { ...observation, ...going, reason: observation.reason }];
        }),
      );
    },
    release: async (target, call) => {
      const answer = await feature.release(target, call);
      if (answer === 'absent') leaving.forget(target.spin, target.key);
      else leaving.asked(target.spin, target.key, 'is being deleted');
      return answer;
    },
  };
}
