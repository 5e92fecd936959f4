/** The shape of a spec, and of what is asked for by it, as a record holds them. What a command goes on with must be what a spec could say. */
import type { Desire } from '../plan/plan.ts';
import type {
  BootstrapStep,
  CloudSpec,
  DatabaseSpec,
  Drain,
  Expose,
  HealthTiming,
  Hook,
  Restart,
  SecretUse,
  ServiceSpec,
  Spec,
  VolumeUse,
} from '../spec/spec.ts';
import {
  amount,
  type Check,
  count,
  either,
  type Fields,
  flag,
  formed,
  instances,
  isMembers,
  listOf,
  mapOf,
  maybe,
  number,
  oneOf,
  shaped,
  text,
} from './shape.ts';

const words: Check = (value) => Array.isArray(value) && value.length > 0 && value.every((word) => text(word));
const command: Check = either(text, words);
const port = either(count, oneOf(['auto', 'none']));

const HOOK: Fields<keyof Hook> = { run: command, timeoutMs: amount };
const STEP: Fields<keyof BootstrapStep> = { name: text, run: command, timeoutMs: amount };
const TIMING: Fields<keyof HealthTiming> = {
  intervalMs: amount,
  timeoutMs: amount,
  healthyAfter: count,
  unhealthyAfter: count,
  deadlineMs: amount,
};
const PROBES = {
  http: { path: text, status: maybe(count) },
  tcp: {},
  command: { run: command },
  alive: { forMs: amount },
} satisfies Readonly<Record<ServiceSpec['health']['probe']['type'], Fields>>;
const RESTART: Fields<keyof Restart> = { policy: oneOf(['always', 'on-failure', 'never']), max: count, windowMs: amount };
const DRAIN: Fields<keyof Drain> = {
  signal: oneOf(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']),
  timeoutMs: amount,
  hook: maybe(shaped(HOOK)),
};
const EXPOSE: Fields<keyof Expose> = { port: either(count, oneOf(['auto'])), host: text };
const CLOUD: Fields<keyof CloudSpec> = {
  instanceTypes: listOf(text),
  image: maybe(text),
  spot: flag,
  // Records of the first version know of no addresses.
  address: maybe(oneOf(['private', 'public'])),
  diskGiB: maybe(count),
};
const SECRET_USE: Fields<keyof SecretUse> = { secret: text, as: oneOf(['env', 'file']), variable: text };
const VOLUME_USE: Fields<keyof VolumeUse> = { volume: text, variable: text };

const SERVICE: Fields<keyof ServiceSpec> = {
  name: text,
  run: command,
  job: flag,
  replicas: instances,
  dir: text,
  port,
  needs: listOf(text),
  env: mapOf(text),
  secrets: listOf(shaped(SECRET_USE)),
  volumes: listOf(shaped(VOLUME_USE)),
  bootstrap: listOf(shaped(STEP)),
  health: either(shaped({ ...TIMING, probe: formed('type', PROBES) })),
  restart: shaped(RESTART),
  drain: shaped(DRAIN),
  expose: maybe(shaped(EXPOSE)),
  cpu: maybe(number),
  memory: maybe(number),
  cloud: shaped(CLOUD),
};
/** A service whole. */
export const service: Check = shaped(SERVICE);

const secretSource = formed('from', {
  generate: { length: count },
  env: { variable: text },
  file: { path: text },
  command: { command, timeoutMs: amount },
} satisfies Readonly<Record<Spec['secrets'][string]['from'], Fields>>);
const volumeSource = formed('from', {
  empty: {},
  folder: { path: text },
  archive: { path: text },
  snapshot: { snapshot: text, sizeGiB: maybe(count) },
  disk: { sizeGiB: count },
} satisfies Readonly<Record<Spec['volumes'][string]['from'], Fields>>);
const DATABASE: Fields<keyof DatabaseSpec> = {
  name: text,
  source: formed('from', { snapshot: { snapshot: text }, replica: { of: text } }),
  instanceClass: maybe(text),
  finalSnapshot: maybe(text),
};

export const SPEC: Fields<keyof Spec> = {
  name: text,
  provider: text,
  region: maybe(text),
  ttlMs: amount,
  owner: text,
  tags: mapOf(text),
  budget: shaped({ perHour: maybe(amount), total: maybe(amount) }),
  secrets: mapOf(secretSource),
  volumes: mapOf(volumeSource),
  databases: mapOf(shaped(DATABASE)),
  services: (value) =>
    isMembers(value) && Object.entries(value).every(([name, one]) => service(one) && isMembers(one) && one['name'] === name),
  evacuate: maybe(shaped(HOOK)),
  baseDir: text,
};

/** What was asked for, by its kind. */
export const desire: Check = formed('kind', {
  keeper: {},
  identity: { secrets: listOf(text) },
  secret: { name: text, source: secretSource, baseDir: maybe(text) },
  volume: { name: text, source: volumeSource },
  database: { database: shaped(DATABASE) },
  firewall: {
    service: text,
    open: flag,
    port,
    reaches: listOf(shaped({ service: text, port: either(port, oneOf(['any'])) })),
  },
  // A service that the spec does not have stays a name, which nothing can be run from.
  service: { service, baseDir: text },
  route: { service: text, expose: shaped(EXPOSE) },
  registration: { service: text, route: text },
} satisfies Readonly<Record<Desire['kind'], Fields>>);
