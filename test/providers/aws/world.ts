import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import type { EventBody } from '../../../src/core/events.ts';
import { clientToken, makeIncarnation, parseSpinId, type SpinId } from '../../../src/core/ids.ts';
import { OWNED, ownershipTags } from '../../../src/core/tags.ts';
import type { Desire } from '../../../src/plan/plan.ts';
import { createAwsProvider } from '../../../src/providers/aws/aws.ts';
import { createClouds } from '../../../src/providers/aws/client/clouds.ts';
import type { Cloud } from '../../../src/providers/aws/cloud.ts';
import type { AwsOptions } from '../../../src/providers/aws/options.ts';
import { openRegion, type Region } from '../../../src/providers/aws/region.ts';
import { Fault } from '../../../src/providers/fault.ts';
import type { Bindings, Call, CreateRequest, Observation, Provider, SpinRef } from '../../../src/providers/provider.ts';
import type { AwsSettings } from '../../../src/spec/config.ts';
import type { ServiceSpec } from '../../../src/spec/spec.ts';
import { ForwardClock } from '../../fakes/ec2/clock.ts';
import { type Ec2, type Ec2Options, startEc2 } from '../../fakes/ec2/start.ts';

export const REPOSITORY = resolve(import.meta.dirname, '../../..');
export const STATE_TAG = 'state-of-tests';
export const REGION = 'us-east-1';
export const ACCOUNT = '123456789012';

export const SETTINGS: AwsSettings = {
  regions: [],
  accounts: [],
  subnets: [],
  image: '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64',
  instanceTypes: ['t3.micro'],
  exposeTo: ['0.0.0.0/0'],
  checkFrom: ['127.0.0.0/8'],
  prices: {},
};

/** The provider against the double, and one spin in it. */
export interface AwsWorld extends AwsAnywhere {
  readonly ec2: Ec2;
  /** Instances of the double that are not terminated. */
  living(): readonly { readonly id: string; readonly state: string; readonly tags: Readonly<Record<string, string>> }[];
}

/** The provider against some endpoint. */
export interface AwsAnywhere {
  readonly provider: Provider;
  readonly cloud: Cloud;
  readonly region: Region;
  readonly options: AwsOptions;
  readonly spin: SpinRef;
  readonly call: Call;
  readonly events: EventBody[];
  /** A provider as another process would have it: it remembers nothing. */
  another(settings?: Partial<AwsSettings>): Provider;
  request(address: string, desire: Desire, more?: RequestDetails): CreateRequest;
  firewall(service: string, more?: RequestDetails & Partial<Extract<Desire, { kind: 'firewall' }>>): CreateRequest;
  service(spec: Partial<ServiceSpec> & { readonly name: string }, more?: RequestDetails): CreateRequest;
  observe(request: CreateRequest, provider?: Provider): Promise<Observation>;
  until(request: CreateRequest, when: (seen: Observation) => boolean, timeoutMs?: number): Promise<Observation>;
}

export interface RequestDetails {
  readonly count?: number;
  readonly generation?: number;
  readonly attempt?: number;
  readonly bindings?: Bindings;
  readonly deadline?: number;
  readonly needs?: readonly string[];
}

interface Setup {
  readonly settings?: Partial<AwsSettings>;
  readonly id?: SpinId;
  readonly clock?: Clock;
}

export async function awsWorld(more: Setup & { readonly ec2?: Ec2Options } = {}): Promise<AwsWorld> {
  const clock = more.clock ?? new ForwardClock();
  const ec2 = await startEc2({ clock, ...more.ec2 });
  const world = awsAt(ec2.env(REGION), { ...more, clock });
  // Before its folder goes: what is on its way would make it again.
  onTestFinished(() => ec2.close());
  return {
    ...world,
    ec2,
    living: () =>
      ec2
        .snapshot()
        .instances.filter(({ state }) => state !== 'terminated' && state !== 'shutting-down')
        .map(({ id, state, tags }) => ({ id, state, tags })),
  };
}

/** @param env what a program needs in its environment to find the endpoint */
export function awsAt(env: AwsOptions['env'], more: Setup & { readonly clock: Clock }): AwsAnywhere {
  const { clock } = more;
  const cacheDir = mkdtempSync(join(tmpdir(), 'spin-aws-'));
  const stop = new AbortController();
  onTestFinished(async () => {
    // What nobody waits for any more would make the folder again.
    stop.abort(new Fault('transient', 'test', 'the test is over'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    rmSync(cacheDir, { recursive: true, force: true });
  });
  const settings = { ...SETTINGS, ...more.settings };
  const options: AwsOptions = { settings, stateTag: STATE_TAG, env, cacheDir, version: '0.0.0' };
  const events: EventBody[] = [];
  const call: Call = { clock, signal: stop.signal, emit: (body) => void events.push(body) };
  const templatesDir = join(REPOSITORY, 'templates');
  const clouds = createClouds(options);
  const provider = createAwsProvider({ ...options, templatesDir }, clouds);
  const spin: SpinRef = {
    id: more.id ?? parseSpinId('web'),
    // Not of this moment: what is not shown of a spin that just began may have been made all the same.
    incarnation: makeIncarnation(clock.now() - 60_000),
    trace: '0'.repeat(32),
    place: { account: ACCOUNT, region: REGION },
  };

  const world: AwsAnywhere = {
    provider,
    cloud: clouds.in(REGION),
    region: openRegion(clouds.in(REGION), call),
    options,
    spin,
    call,
    events,
    another: (changed = {}) => createAwsProvider({ ...options, settings: { ...settings, ...changed }, templatesDir }),
    request: (address, desire, details = {}) => requestOf(world, address, desire, details),
    firewall: (service, details = {}) => {
      const { open = false, port = 'auto', reaches = [], ...rest } = details;
      return requestOf(world, `firewall.${service}`, { kind: 'firewall', service, open, port, reaches }, rest);
    },
    service: (spec, details = {}) => {
      const service = serviceSpec(spec);
      const desire = { kind: 'service', service, baseDir: service.dir } as const;
      return requestOf(world, `service.${spec.name}`, desire, { count: service.replicas, needs: [`firewall.${spec.name}@1`], ...details });
    },
    observe: async (request, by = provider) => {
      const seen = (await by.observe([request], call)).get(request.key);
      if (seen === undefined) throw new Error(`no answer for ${request.key}`);
      return seen;
    },
    until: async (request, when, timeoutMs = 10_000) => {
      const giveUp = clock.now() + timeoutMs;
      for (;;) {
        const seen = await world.observe(request);
        if (when(seen)) return seen;
        if (clock.now() > giveUp) throw new Error(`still ${JSON.stringify(seen)}`);
        await provider.nextChange(spin, 100, call);
      }
    },
  };
  return world;
}

function requestOf(world: Pick<AwsAnywhere, 'spin' | 'call'>, address: string, desire: Desire, details: RequestDetails): CreateRequest {
  const { count = 1, generation = 1, attempt, bindings = {}, needs = [] } = details;
  const { spin, call } = world;
  const key = `${address}@${generation}`;
  return {
    spin,
    key,
    address,
    kind: desire.kind,
    generation,
    token: clientToken(spin.id, spin.incarnation, address, generation),
    count,
    ...(attempt === undefined ? {} : { attempt }),
    desire,
    needs,
    fence: 1,
    tags: { ...ownershipTags({ id: spin.id, incarnation: spin.incarnation, resource: key, state: STATE_TAG }), [OWNED.owner]: 'ada' },
    deadline: details.deadline ?? call.clock.now() + 3_600_000,
    bindings,
  };
}

/** A service that listens on nothing and is healthy as soon as its machine runs. */
export function serviceSpec(spec: Partial<ServiceSpec> & { readonly name: string }): ServiceSpec {
  return {
    run: 'sleep infinity',
    job: false,
    replicas: 1,
    dir: '/srv/project',
    port: 'none',
    needs: [],
    env: {},
    secrets: [],
    volumes: [],
    bootstrap: [],
    health: { probe: { type: 'alive', forMs: 0 }, intervalMs: 200, timeoutMs: 500, healthyAfter: 1, unhealthyAfter: 2, deadlineMs: 10_000 },
    restart: { policy: 'always', max: 5, windowMs: 60_000 },
    drain: { signal: 'SIGTERM', timeoutMs: 2_000 },
    cloud: { instanceTypes: [], spot: false, address: 'private' },
    ...spec,
  };
}

/** Makes a firewall and the service behind it. */
export async function launch(world: AwsAnywhere, service: CreateRequest): Promise<CreateRequest> {
  const { desire } = service;
  if (desire.kind !== 'service') throw new Error(`${service.key} is no service`);
  await world.provider.create(world.firewall(desire.service.name, { port: desire.service.port }), world.call);
  const handle = await world.provider.create(service, world.call);
  return { ...service, handle };
}
