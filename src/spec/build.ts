import { resolve } from 'node:path';
import type { AuthoredService, AuthoredSpec } from './schema.ts';
import type { Tags } from '../core/tags.ts';
import type {
  BootstrapStep,
  Command,
  DatabaseSpec,
  Drain,
  Expose,
  Health,
  HealthProbe,
  Hook,
  Restart,
  SecretSource,
  SecretUse,
  ServiceSpec,
  Spec,
  VolumeSource,
  VolumeUse,
} from './spec.ts';

/** What is settled outside the spec's own text. */
export interface Settled {
  readonly provider: string;
  readonly region?: string;
  readonly ttlMs: number;
  readonly owner: string;
  readonly tags: Tags;
  readonly baseDir: string;
  /** Services whose address another one asks for. */
  readonly addressed: ReadonlySet<string>;
  /** Services whose addresses a service asks for, by the name of the one that asks. */
  readonly asked: ReadonlyMap<string, readonly string[]>;
}

const SECOND = 1_000;

/** Applies every default to a spec that passed all checks. */
export function buildSpec(authored: AuthoredSpec, settled: Settled): Spec {
  const { name, budget, secrets, volumes, databases, services, evacuate } = authored;
  const { provider, region, ttlMs, owner, tags, baseDir } = settled;
  return {
    name,
    provider,
    ...(region === undefined ? {} : { region }),
    ttlMs,
    owner,
    tags,
    budget: {
      ...(budget?.perHour === undefined ? {} : { perHour: budget.perHour }),
      ...(budget?.total === undefined ? {} : { total: budget.total }),
    },
    secrets: mapValues(secrets ?? {}, (source) => secretSource(source, baseDir)),
    volumes: mapValues(volumes ?? {}, (source) => volumeSource(source, baseDir)),
    databases: mapValues(databases ?? {}, (database, key) => buildDatabase(key, database)),
    services: mapValues(services, (service, key) => buildService(key, service, settled)),
    ...(evacuate === undefined ? {} : { evacuate: buildHook(evacuate, 60 * SECOND) }),
    baseDir,
  };
}

function buildService(name: string, service: AuthoredService, settled: Settled): ServiceSpec {
  const { run, replicas = 1, dir, env = {}, secrets, volumes, bootstrap = [], expose, cpu, memory } = service;
  const job = service.job ?? false;
  const port = service.port ?? (needsPort(name, service, settled) ? 'auto' : 'none');
  return {
    name,
    run,
    job,
    replicas,
    dir: dir === undefined ? settled.baseDir : resolve(settled.baseDir, dir),
    port,
    needs: [...new Set([...(service.needs ?? []), ...(settled.asked.get(name) ?? [])])],
    env,
    secrets: secretUses(secrets),
    volumes: volumeUses(volumes),
    bootstrap: bootstrap.map(buildStep),
    health: buildHealth(service.health, port),
    restart: buildRestart(service.restart, job),
    drain: buildDrain(service.drain),
    ...(expose === undefined ? {} : { expose: buildExpose(expose) }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
    cloud: {
      instanceTypes: service.instanceTypes ?? [],
      ...(service.image === undefined ? {} : { image: service.image }),
      spot: service.spot ?? false,
      address: service.address ?? 'private',
      ...(service.disk === undefined ? {} : { diskGiB: service.disk }),
    },
  };
}

function needsPort(name: string, { expose, health }: AuthoredService, { addressed }: Settled): boolean {
  return expose !== undefined || health?.http !== undefined || health?.tcp !== undefined || addressed.has(name);
}

function secretSource(source: NonNullable<AuthoredSpec['secrets']>[string], baseDir: string): SecretSource {
  if (source.env !== undefined) return { from: 'env', variable: source.env };
  if (source.file !== undefined) return { from: 'file', path: resolve(baseDir, source.file) };
  if (source.command !== undefined) return { from: 'command', command: source.command, timeoutMs: source.timeout ?? 30 * SECOND };
  return { from: 'generate', length: source.generate ?? 32 };
}

function volumeSource({ folder, archive, snapshot, size }: NonNullable<AuthoredSpec['volumes']>[string], baseDir: string): VolumeSource {
  if (snapshot !== undefined) return { from: 'snapshot', snapshot, ...(size === undefined ? {} : { sizeGiB: size }) };
  if (size !== undefined) return { from: 'disk', sizeGiB: size };
  if (folder !== undefined) return { from: 'folder', path: resolve(baseDir, folder) };
  if (archive !== undefined) return { from: 'archive', path: resolve(baseDir, archive) };
  return { from: 'empty' };
}

function buildDatabase(name: string, database: NonNullable<AuthoredSpec['databases']>[string]): DatabaseSpec {
  const { snapshot, replicaOf, finalSnapshot } = database;
  return {
    name,
    source: replicaOf === undefined ? { from: 'snapshot', snapshot: snapshot ?? '' } : { from: 'replica', of: replicaOf },
    ...(database.class === undefined ? {} : { instanceClass: database.class }),
    ...(finalSnapshot === undefined ? {} : { finalSnapshot }),
  };
}

function secretUses(uses: AuthoredService['secrets']): SecretUse[] {
  if (uses === undefined) return [];
  if (Array.isArray(uses)) return uses.map((secret) => ({ secret, as: 'env', variable: variableOf(secret) }));
  return Object.entries(uses).map(([secret, { env, file }]) =>
    file === undefined ? { secret, as: 'env', variable: env ?? variableOf(secret) } : { secret, as: 'file', variable: file },
  );
}

function volumeUses(uses: AuthoredService['volumes']): VolumeUse[] {
  if (uses === undefined) return [];
  if (Array.isArray(uses)) return uses.map((volume) => ({ volume, variable: `${variableOf(volume)}_DIR` }));
  return Object.entries(uses).map(([volume, variable]) => ({ volume, variable }));
}

/** `db-password` is found in `DB_PASSWORD`. */
function variableOf(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}

function buildStep(step: NonNullable<AuthoredService['bootstrap']>[number], index: number): BootstrapStep {
  const { name, run, timeout } = isCommand(step) ? { run: step } : step;
  return { name: name ?? String(index + 1), run, timeoutMs: timeout ?? 300 * SECOND };
}

function buildHook(hook: NonNullable<AuthoredSpec['evacuate']>, timeoutMs: number): Hook {
  return isCommand(hook) ? { run: hook, timeoutMs } : { run: hook.run, timeoutMs: hook.timeout ?? timeoutMs };
}

function isCommand(value: Command | object): value is Command {
  return typeof value === 'string' || Array.isArray(value);
}

function buildHealth(health: AuthoredService['health'], port: ServiceSpec['port']): Health {
  return {
    probe: probeOf(health ?? {}, port),
    intervalMs: health?.interval ?? SECOND,
    timeoutMs: health?.timeout ?? SECOND,
    healthyAfter: health?.healthyAfter ?? 1,
    unhealthyAfter: health?.unhealthyAfter ?? 3,
    deadlineMs: health?.deadline ?? 60 * SECOND,
  };
}

function probeOf({ http, status, tcp, command, alive }: NonNullable<AuthoredService['health']>, port: ServiceSpec['port']): HealthProbe {
  if (http !== undefined) return { type: 'http', path: http, ...(status === undefined ? {} : { status }) };
  if (tcp !== undefined) return { type: 'tcp' };
  if (command !== undefined) return { type: 'command', run: command };
  if (alive !== undefined) return { type: 'alive', forMs: alive };
  return port === 'none' ? { type: 'alive', forMs: SECOND / 2 } : { type: 'tcp' };
}

function buildRestart(restart: AuthoredService['restart'], job: boolean): Restart {
  const { policy, max, window } = typeof restart === 'string' ? { policy: restart } : (restart ?? {});
  return { policy: policy ?? (job ? 'never' : 'always'), max: max ?? 5, windowMs: window ?? 60 * SECOND };
}

function buildDrain(drain: AuthoredService['drain']): Drain {
  return {
    signal: drain?.signal ?? 'SIGTERM',
    timeoutMs: drain?.timeout ?? 10 * SECOND,
    ...(drain?.hook === undefined ? {} : { hook: buildHook(drain.hook, 10 * SECOND) }),
  };
}

function buildExpose(expose: NonNullable<AuthoredService['expose']>): Expose {
  const { port, host } = typeof expose === 'object' ? expose : { port: expose };
  return { port: port ?? 'auto', host: host ?? '127.0.0.1' };
}

function mapValues<A, B>(map: Readonly<Record<string, A>>, change: (value: A, key: string) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]));
}
