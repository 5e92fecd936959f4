import { join, relative } from 'node:path';
import { digest } from '../core/ids.ts';
import { addMoney, costOver, type Known, type NanoUsd } from '../core/money.ts';
import type { DatabaseSpec, ServiceSpec, Spec, VolumeSource } from '../spec/spec.ts';
import type { Desire, Plan, PlannedResource, ResourceAddress, ResourceKind, Strategy } from './plan.ts';
import { graphOrder } from './graph.ts';

/** What a provider adds to a plan: the kinds it makes and its prices per hour of one instance. */
export interface PlanWorld {
  readonly kinds: readonly ResourceKind[];
  readonly price: (shape: Shape) => Known<NanoUsd>;
  /** Instances run on other machines: where the spec lies on this one makes no difference to them. */
  readonly elsewhere?: boolean;
}

/** What the price of one instance of a resource depends on. */
export interface Shape {
  readonly kind: ResourceKind;
  readonly service?: ServiceSpec;
  readonly volume?: VolumeSource;
  readonly database?: DatabaseSpec;
}

/** The address that every other resource of a provider with keepers stands on. */
export const KEEPER: ResourceAddress = 'keeper.keeper';
/** The role that instances run under, where a provider has such a thing. */
export const IDENTITY: ResourceAddress = 'identity.identity';

/** Builds the resource graph of a spec. Pure. */
export function buildPlan(authored: Spec, world: PlanWorld): Plan {
  const spec = world.elsewhere === true ? unplaced(authored) : authored;
  const drafts = [
    { address: KEEPER, desire: { kind: 'keeper' as const, withhold: secretVariables(spec) }, needs: [] },
    // Without a secret there is nothing that an instance would need a role for.
    ...(Object.keys(spec.secrets).length === 0
      ? []
      : [{ address: IDENTITY, desire: { kind: 'identity' as const, secrets: Object.keys(spec.secrets).toSorted() }, needs: [KEEPER] }]),
    // A secret is read here, wherever what uses it runs.
    ...Object.entries(authored.secrets).map(([name, source]) => ({
      address: `secret.${name}`,
      // A file's path is absolute; only a command has a folder to run in.
      desire: { kind: 'secret' as const, name, source, ...(source.from === 'command' ? { baseDir: authored.baseDir } : {}) },
      needs: [KEEPER],
    })),
    ...Object.entries(spec.volumes).map(([name, source]) => ({
      address: `volume.${name}`,
      desire: { kind: 'volume' as const, name, source, types: typesUsing(spec, name) },
      needs: [KEEPER],
    })),
    ...Object.values(spec.databases).map((database) => ({
      address: `database.${database.name}`,
      desire: { kind: 'database' as const, database },
      needs: [KEEPER, `firewall.${database.name}`],
    })),
    ...Object.keys(spec.databases).map((name) => ({
      address: `firewall.${name}`,
      desire: { kind: 'firewall' as const, service: name, open: false, port: 'none' as const, reaches: [] },
      needs: [KEEPER],
    })),
    ...Object.values(spec.services).flatMap((service) => draftsOfService(spec, service)),
  ] satisfies readonly Draft[];

  const made = drafts.filter((draft) => world.kinds.includes(draft.desire.kind));
  const addresses = new Set(made.map((draft) => draft.address));
  const resources = graphOrder(
    made.map((draft) => planned(spec, world, { ...draft, needs: draft.needs.filter((need) => addresses.has(need)) })),
  );
  const hourly = addMoney(resources.map((resource) => resource.hourly));
  return {
    resources,
    hourly,
    untilTtl: costOver(hourly, spec.ttlMs),
    ttlMs: spec.ttlMs,
    ...(spec.evacuate === undefined ? {} : { evacuate: spec.evacuate }),
  };
}

interface Draft {
  readonly address: ResourceAddress;
  readonly desire: Desire;
  readonly needs: readonly ResourceAddress[];
}

function draftsOfService(spec: Spec, service: ServiceSpec): Draft[] {
  const address = `service.${service.name}`;
  const drafts: Draft[] = [
    {
      address: `firewall.${service.name}`,
      desire: {
        kind: 'firewall',
        service: service.name,
        open: service.expose !== undefined,
        port: service.port,
        reaches: service.needs.map((need) => ({ service: need, port: spec.services[need]?.port ?? 'any' })),
      },
      needs: [KEEPER, ...service.needs.map((need) => `firewall.${need}`)],
    },
    {
      address,
      desire: { kind: 'service', service, baseDir: spec.baseDir },
      needs: [
        KEEPER,
        IDENTITY,
        `firewall.${service.name}`,
        ...service.secrets.map((use) => `secret.${use.secret}`),
        ...service.volumes.map((use) => `volume.${use.volume}`),
        // A needed service that is exposed serves once it is registered: its address is its route.
        ...service.needs.flatMap((need) => [`service.${need}`, `database.${need}`, `registration.${need}`]),
      ],
    },
  ];
  if (service.expose === undefined) return drafts;
  const route = `route.${service.name}`;
  return [
    ...drafts,
    {
      address: route,
      desire: {
        kind: 'route',
        service: service.name,
        expose: service.expose,
        behind: { port: service.port, health: service.health, drainMs: service.drain.timeoutMs },
      },
      needs: [KEEPER],
    },
    { address: `registration.${service.name}`, desire: { kind: 'registration', service: service.name, route }, needs: [address, route] },
  ];
}

/** The spec as it reads from every folder: a laptop and a CI job that bring up the same one must not replace each other's instances. */
function unplaced(spec: Spec): Spec {
  const inside = (path: string): string => join('/', relative(spec.baseDir, path));
  return {
    ...spec,
    baseDir: '/',
    services: Object.fromEntries(Object.entries(spec.services).map(([name, service]) => [name, { ...service, dir: inside(service.dir) }])),
    secrets: Object.fromEntries(
      Object.entries(spec.secrets).map(([name, source]) => [
        name,
        source.from === 'file' ? { ...source, path: inside(source.path) } : source,
      ]),
    ),
  };
}

function secretVariables(spec: Spec): readonly string[] {
  return Object.values(spec.secrets)
    .flatMap((source) => (source.from === 'env' ? [source.variable] : []))
    .toSorted();
}

function typesUsing(spec: Spec, volume: string): readonly string[] {
  const users = Object.values(spec.services).filter((service) => service.volumes.some((use) => use.volume === volume));
  return [...new Set(users.flatMap((service) => service.cloud.instanceTypes))];
}

function planned(spec: Spec, world: PlanWorld, draft: Draft): PlannedResource {
  const { desire } = draft;
  const count = desire.kind === 'service' ? desire.service.replicas : 1;
  const each = world.price(shapeOf(desire));
  return {
    address: draft.address,
    kind: desire.kind,
    desire,
    count,
    digest: digestOf(spec, desire),
    strategy: strategyOf(desire),
    needs: draft.needs,
    hourly: each === 'unknown' ? 'unknown' : each * count,
  };
}

/** What a running instance is made of: not what can change without touching it, such as how many there are and who is needed first. */
export function instanceOf(service: ServiceSpec): Omit<ServiceSpec, 'replicas' | 'needs' | 'expose' | 'cpu' | 'memory'> {
  const { replicas: _count, needs: _order, expose: _route, cpu: _cpu, memory: _memory, ...instance } = service;
  return instance;
}

function shapeOf(desire: Desire): Shape {
  switch (desire.kind) {
    case 'service':
      return { kind: desire.kind, service: desire.service };
    case 'volume':
      return { kind: desire.kind, volume: desire.source };
    case 'database':
      return { kind: desire.kind, database: desire.database };
    default:
      return { kind: desire.kind };
  }
}

function digestOf(spec: Spec, desire: Desire): string {
  switch (desire.kind) {
    case 'service': {
      const uses = usesOf(desire.service);
      const instance = { ...instanceOf(desire.service), ...uses };
      const secrets = uses.secrets.map((use) => spec.secrets[use.secret]);
      const volumes = uses.volumes.map((use) => spec.volumes[use.volume]);
      return digest({ instance, baseDir: desire.baseDir, secrets, volumes });
    }
    case 'registration': {
      const service = spec.services[desire.service];
      return digest([
        desire,
        service?.expose,
        service === undefined ? '' : digestOf(spec, { kind: 'service', service, baseDir: spec.baseDir }),
      ]);
    }
    case 'firewall':
      return digest({ ...desire, reaches: desire.reaches.toSorted((a, b) => (a.service < b.service ? -1 : 1)) });
    case 'volume': {
      // Where it may stand is settled once; other types later do not make it another volume.
      const { types: _where, ...volume } = desire;
      return digest(volume);
    }
    case 'route': {
      // What stands behind it may change while it stands.
      const { behind: _service, ...route } = desire;
      return digest(route);
    }
    case 'keeper':
      // What runs already inherited what it did.
      return digest({ kind: desire.kind });
    case 'secret':
      // Of which folder of which machine it was read does not make it another one.
      return digest({ kind: desire.kind, name: desire.name, source: spec.secrets[desire.name] });
    case 'identity':
    case 'database':
      return digest(desire);
  }
}

/** What a service uses, in an order of its own: to write the keys of a spec in another one must replace nothing. */
function usesOf({ secrets, volumes }: ServiceSpec): Pick<ServiceSpec, 'secrets' | 'volumes'> {
  return {
    secrets: secrets.toSorted((a, b) => (a.secret < b.secret ? -1 : 1)),
    volumes: volumes.toSorted((a, b) => (a.volume < b.volume ? -1 : 1)),
  };
}

function strategyOf(desire: Desire): Strategy {
  switch (desire.kind) {
    case 'service':
      // Only behind a route can two generations stand side by side; a volume has one writer.
      return desire.service.expose !== undefined && desire.service.volumes.length === 0 && desire.service.port === 'auto'
        ? 'rolling'
        : 'recreate';
    case 'registration':
      return 'rolling';
    case 'volume':
    case 'database':
      return 'refuse';
    case 'keeper':
    case 'identity':
    case 'secret':
    case 'firewall':
    case 'route':
      return 'recreate';
  }
}
