import { rename, writeFile } from 'node:fs/promises';
import { digest } from '../../src/core/ids.ts';
import type { Known, NanoUsd } from '../../src/core/money.ts';
import { OWNED, type Tags } from '../../src/core/tags.ts';
import type { Shape } from '../../src/plan/build.ts';
import type { ResourceKind } from '../../src/plan/plan.ts';
import { bindAddresses } from '../../src/spec/bindings.ts';
import { Fault } from '../../src/providers/fault.ts';
import type {
  CreateRequest,
  Endpoint,
  Enforcer,
  Found,
  InstanceObservation,
  InventoryScope,
  LogLine,
  Observation,
  Place,
  Provider,
  SpinRef,
  Target,
} from '../../src/providers/provider.ts';
import type { Thing, World } from './provider-world.ts';

export interface FakeOptions {
  readonly name?: string;
  /** The state location that asks; that of the world unless told. */
  readonly stateTag?: string;
  /** What it makes is not on this machine, and so can be of other state locations. */
  readonly elsewhere?: boolean;
  /** Price per hour of one instance; nothing unless told. */
  readonly price?: (shape: Shape) => Known<NanoUsd>;
}

/** A provider in memory: stateful, idempotent, fenced, and faulty when told to; provider.md says how it behaves. */
export function createFakeProvider(world: World, options: FakeOptions = {}): Provider {
  const name = options.name ?? 'fake';
  const stateTag = options.stateTag ?? world.stateTag;
  return {
    name,
    ...(options.elsewhere === undefined ? {} : { elsewhere: options.elsewhere }),
    snapshotEnding: '.tar.gz',
    kinds: ['keeper', 'secret', 'volume', 'service', 'route', 'registration'],
    price: options.price ?? (() => 0),
    unsupported: (spec) => Object.keys(spec.databases).map((database) => `it has no databases (${database})`),
    locate: (_spec, call) => world.around('locate', undefined, call.signal, () => world.place),
    quote: () => Promise.resolve(),

    preflight: (_spin, _plan, call) =>
      world.around('preflight', undefined, call.signal, () => [
        { name: 'fake', ok: world.broken === undefined, detail: world.broken ?? 'fine' },
      ]),

    create: (request, call) => world.around('create', request.key, call.signal, () => create(world, request, call.clock.now())),

    observe: (targets, call) =>
      world.around('observe', undefined, call.signal, () => {
        for (const target of targets) {
          const thing = world.find(target);
          if (thing !== undefined) world.look(thing);
        }
        seen.set(world, world.version);
        return new Map(targets.map((target) => [target.key, observationOf(world, target)]));
      }),

    nextChange: (_spin, maxMs, call) =>
      world.around('nextChange', undefined, call.signal, async () => {
        if (seen.get(world) === world.version) await call.clock.sleep(maxMs, call.signal);
        seen.set(world, world.version);
      }),

    release: (target, fence, call) =>
      world.around('release', target.key, call.signal, () => {
        reach(world, target.spin);
        world.fence(target.spin, fence);
        const thing = world.find(target);
        const state = thing?.tags[OWNED.state];
        if (state !== undefined && state !== stateTag) throw new Fault('denied', 'other-state', `${target.key} belongs to ${state}`);
        return thing === undefined ? 'absent' : leave(world, thing);
      }),

    inventory: ({ id, places = [], beyond, everyone }, call) =>
      world.around('inventory', undefined, call.signal, () => {
        const looked = [world.place, ...places.filter((place) => reached(world, place, beyond))];
        if (beyond !== undefined) world.unasked.forEach(beyond);
        const listed = (kind: ResourceKind) =>
          beyond === undefined ? !world.beyond.has(kind) : !world.unasked.some((one) => one.kind === kind);
        const ours = (tags: Tags) => everyone === true || tags[OWNED.state] === undefined || tags[OWNED.state] === stateTag;
        const inScope = world
          .at()
          .filter(
            ({ spin, kind, tags }) => (id === undefined || spin.id === id) && listed(kind) && ours(tags) && liesIn(spin.place, looked),
          );
        for (const thing of inScope) if (thing.leavesIn !== undefined) world.look(thing);
        return inScope.filter((thing) => world.find(thing) !== undefined).map((thing) => foundOf(name, thing, world.marks));
      }),

    reclaim: (found, call) =>
      world.around('reclaim', undefined, call.signal, () => {
        const things = found.flatMap((each) =>
          world.at(each.resource).filter(({ spin }) => spin.id === each.id && spin.incarnation === each.incarnation),
        );
        const answers = things.map((thing) => leave(world, thing));
        return answers.every((answer) => answer === 'absent') ? 'absent' : 'requested';
      }),

    mark: (found, since, call) =>
      world.around('mark', undefined, call.signal, () => {
        for (const each of found)
          for (const thing of world.at(each.resource)) {
            if (thing.spin.id === each.id && thing.spin.incarnation === each.incarnation) thing.orphanSince = since;
          }
      }),

    own: (found, call) =>
      world.around('own', undefined, call.signal, () => {
        for (const each of found)
          for (const thing of world.at(each.resource)) {
            thing.orphanSince = undefined;
            thing.tags = { ...thing.tags, [OWNED.state]: stateTag };
          }
      }),

    enforce: (spin, deadline, fence, call) =>
      world.around('enforce', undefined, call.signal, () => {
        world.fence(spin, fence);
        world.deadlines.set(lifeOf(spin), deadline);
        return enforcersOf(world, spin);
      }),

    enforcers: (spin, call) => world.around('enforcers', undefined, call.signal, () => enforcersOf(world, spin)),

    logs: (spin, query) => logsOf(world, spin, query.service),

    exec: async (spin, request) => {
      const thing = ofSpin(world, spin).find((one) => instancesOf(one, 'healthy').some((instance) => instance.name === request.instance));
      if (thing === undefined) throw new Fault('not-found', 'no-instance', `there is no instance ${request.instance}`);
      const command = typeof request.command === 'string' ? request.command : request.command.join(' ');
      return { exitCode: 0, stdout: `${request.instance}: ${command}\n`, stderr: '' };
    },

    credentials: (_spin, durationMs, call) =>
      Promise.resolve({
        accessKeyId: 'FAKE',
        secretAccessKey: 'fake-secret',
        sessionToken: 'fake-token',
        expiresAt: call.clock.now() + durationMs,
      }),

    billed: () => Promise.reject(new Fault('invalid', 'never-billed', 'nothing is ever billed here')),

    snapshot: async (spin, volume, file) => {
      if (!ofSpin(world, spin).some((thing) => thing.key.startsWith(`volume.${volume}@`)))
        throw new Fault('not-found', 'no-volume', `there is no volume ${volume}`);
      const text = `snapshot of ${volume}\n`;
      await writeFile(`${file}.part`, text);
      await rename(`${file}.part`, file);
      return { bytes: Buffer.byteLength(text) };
    },
  };
}

/** The version of each world that was last looked at. */
const seen = new WeakMap<World, number>();

/** @throws Fault `other-account` */
function reach(world: World, spin: SpinRef): void {
  const fault = world.outOfReach(spin.place);
  if (fault !== undefined) throw fault;
}

/** True where the place can be looked into; what cannot is told. @throws Fault `other-account` where nobody is told */
function reached(world: World, place: Place, beyond: InventoryScope['beyond']): boolean {
  const fault = world.outOfReach(place);
  if (fault === undefined) return true;
  if (beyond === undefined) throw fault;
  beyond({ place, outOfReach: true, fault });
  return false;
}

function liesIn(place: Place | undefined, looked: readonly Place[]): boolean {
  return looked.some(({ account, region }) => (place?.account ?? account) === account && (place?.region ?? region) === region);
}

function create(world: World, request: CreateRequest, now: number): Readonly<Record<string, unknown>> {
  reach(world, request.spin);
  world.fence(request.spin, request.fence);
  const existing = world.find(request);
  const once = request.kind === 'service' || request.kind === 'secret' || request.kind === 'volume';
  if (existing === undefined && once && world.spent.has(request.token)) {
    throw new Fault('conflict', 'token-spent', `${request.key} was deleted, and its token cannot make it again`);
  }
  if (existing?.leavesIn !== undefined) throw new Fault('conflict', 'leaving', `${request.key} is being deleted`);
  if (request.tags[OWNED.resource] !== request.key)
    throw new Fault('invalid', 'untagged', `${request.key} comes without its ownership tags`);
  if (!world.deadlines.has(lifeOf(request.spin))) world.deadlines.set(lifeOf(request.spin), request.deadline);
  const env = request.desire.kind === 'service' ? request.desire.service.env : {};
  const bound = Object.fromEntries(Object.entries(env).map(([variable, value]) => [variable, bindAddresses(value, request.bindings)]));
  world.make(request, request.tags, bound, now);
  return { token: request.token };
}

function leave(world: World, thing: Thing): 'requested' | 'absent' {
  if (thing.leavesIn === undefined) {
    thing.leavesIn = thing.kind === 'service' ? world.releaseLooks : 0;
    world.version++;
    if (thing.leavesIn > 0) return 'requested';
  }
  world.look(thing);
  return world.find(thing) === undefined ? 'absent' : 'requested';
}

function observationOf(world: World, target: Target): Observation {
  const denied = world.blind ? 'nothing can be told' : world.outOfReach(target.spin.place)?.message;
  if (denied !== undefined) return { state: 'unknown', reason: denied, instances: [], endpoints: [] };
  const thing = world.find(target);
  if (thing === undefined) return { state: 'absent', reason: 'there is no such thing', instances: [], endpoints: [] };
  const handle = { token: thing.token };
  if (thing.leavesIn !== undefined)
    return { state: 'stopping', reason: 'is being deleted', instances: instancesOf(thing, 'stopping'), endpoints: [], handle };
  if (thing.failure !== undefined)
    return {
      state: 'pending',
      reason: thing.failure.message,
      instances: instancesOf(thing, 'failed'),
      endpoints: [],
      failure: thing.failure,
      handle,
    };
  const missing =
    thing.kind === 'registration' ? thing.needs.find((need) => world.find({ spin: thing.spin, key: need }) === undefined) : undefined;
  if (missing !== undefined) return { state: 'pending', reason: `${missing} is not there`, instances: [], endpoints: [], handle };
  if (thing.notReadyFor > 0)
    return { state: 'pending', reason: 'is coming up', instances: instancesOf(thing, 'starting'), endpoints: [], handle };
  return { state: 'running', reason: 'ready', instances: instancesOf(thing, 'healthy'), endpoints: endpointsOf(thing), handle };
}

function instancesOf(thing: Thing, state: InstanceObservation['state']): InstanceObservation[] {
  if (thing.kind !== 'service') return [];
  const name = thing.key.slice('service.'.length);
  return thing.instances.map((serial, n) => ({ name: `${name}.${n + 1}`, state, reason: state, restarts: 0, runsAs: `fake ${serial}` }));
}

/** Ports follow from the key alone, so that two runs of the same thing can be compared. */
function endpointsOf({ key, desire, instances }: Thing): readonly Endpoint[] {
  if (desire.kind === 'route') {
    const port = desire.expose.port === 'auto' ? portOf(key) : desire.expose.port;
    return [{ service: desire.service, via: 'route', host: '127.0.0.1', port, url: `http://127.0.0.1:${port}` }];
  }
  if (desire.kind !== 'service' || desire.service.port === 'none') return [];
  const { name, port } = desire.service;
  return instances.map((_serial, n) => ({
    service: name,
    via: 'instance',
    host: '127.0.0.1',
    port: port === 'auto' ? portOf(`${key}.${n + 1}`) : port,
  }));
}

function portOf(text: string): number {
  return 20_000 + (Number.parseInt(Buffer.from(digest(text)).toString('hex').slice(0, 12), 16) % 10_000);
}

function foundOf(provider: string, thing: Thing, marks: boolean): Found {
  const { spin, key, kind, createdAt, token, tags, orphanSince } = thing;
  return {
    provider,
    id: spin.id,
    incarnation: spin.incarnation,
    resource: key,
    kind,
    what: `fake ${key}`,
    createdAt,
    ...(spin.place === undefined ? {} : { place: spin.place }),
    tags,
    ...(marks ? { marks } : {}),
    ...(orphanSince === undefined ? {} : { orphanSince }),
    handle: { token },
  };
}

function enforcersOf(world: World, spin: SpinRef): readonly Enforcer[] {
  const deadline = world.deadlines.get(lifeOf(spin));
  const armed = deadline !== undefined && ofSpin(world, spin).some((thing) => thing.kind === 'keeper');
  return [{ name: 'keeper', armed, detail: armed ? `ends it at ${deadline}` : 'does not run' }];
}

async function* logsOf(world: World, spin: SpinRef, service: string | undefined): AsyncGenerator<LogLine> {
  for (const thing of ofSpin(world, spin)) {
    if (thing.desire.kind !== 'service' || (service !== undefined && thing.desire.service.name !== service)) continue;
    for (const { name } of instancesOf(thing, 'healthy'))
      yield { service: thing.desire.service.name, instance: name, time: thing.createdAt, text: 'hello' };
  }
}

function ofSpin(world: World, spin: SpinRef): readonly Thing[] {
  return world.at().filter((thing) => lifeOf(thing.spin) === lifeOf(spin));
}

function lifeOf({ id, incarnation }: SpinRef): string {
  return `${id}/${incarnation}`;
}
