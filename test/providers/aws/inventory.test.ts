import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { makeIncarnation, parseSpinId } from '../../../src/core/ids.ts';
import { OWNED } from '../../../src/core/tags.ts';
import { openRegion, type Region } from '../../../src/providers/aws/region.ts';
import { inventory, mark, own, reclaim } from '../../../src/providers/aws/sweep/inventory.ts';
import type { Call, Found, SpinRef, Unasked } from '../../../src/providers/provider.ts';
import { ManualClock } from '../../fakes/clock.ts';
import { ec2Answer, startEndpoint } from './client/endpoint.ts';
import { dataWorld } from './data-world.ts';
import { ACCOUNT, awsWorld, type AwsWorld, launch } from './world.ts';

describe('what AWS has of us, with no record', () => {
  test('is listed with its tags, its place and its age', async () => {
    const world = await awsWorld();
    await bringUp(world);
    const found = await world.another().inventory({}, world.call);
    expect(found.map(({ what }) => what.replace(/ (i|sg|vol)-\w+/, ' $1'))).toEqual([
      'instance i (t3.micro in us-east-1a), running',
      'instance i (t3.micro in us-east-1a), running',
      expect.stringMatching(/^volume vol/),
      expect.stringMatching(/^security group sg \(spin-web-web-1-/),
    ]);
    for (const thing of found) {
      expect(thing).toMatchObject({ provider: 'aws', id: 'web', incarnation: world.spin.incarnation, marks: true });
      expect(thing.place).toMatchObject({ region: 'us-east-1' });
      expect(thing.tags?.[OWNED.owner]).toBe('ada');
    }
    expect(found[0]?.createdAt).toBeGreaterThan(0);
  });

  test('of another state location is shown to look at, and not otherwise', async () => {
    const world = await awsWorld();
    await bringUp(world, 'another-state');
    expect(await world.provider.inventory({}, world.call)).toEqual([]);
    expect(await world.provider.inventory({ id: world.spin.id }, world.call)).toEqual([]);
    expect(await world.provider.inventory({ everyone: true }, world.call)).toHaveLength(4);
    expect(await world.provider.inventory({ everyone: true, id: parseSpinId('nobody') }, world.call)).toEqual([]);
  });

  test('is marked as an orphan, and no longer, where the mark outlives this process', async () => {
    const world = await awsWorld();
    await bringUp(world);
    await world.provider.mark(await world.provider.inventory({}, world.call), 1_000, world.call);
    const marked = await world.another().inventory({}, world.call);
    expect(marked.map(({ orphanSince }) => orphanSince)).toEqual(marked.map(() => 1_000));
    await world.provider.mark(marked, undefined, world.call);
    expect((await world.provider.inventory({}, world.call)).some(({ orphanSince }) => orphanSince !== undefined)).toBe(false);
  });

  test('is marked but for what is gone, though AWS says of that only that it is not allowed', async () => {
    const world = await awsWorld();
    await bringUp(world);
    const found = await world.provider.inventory({}, world.call);
    const gone = { ...found[0], handle: { machine: 'i-0123456789abcdef0' } } as Found;
    const deny = (id: string) =>
      world.ec2.script({ action: 'CreateTags', when: ({ input }) => JSON.stringify(input).includes(id), times: 'always', fault: 'denied' });
    deny('i-0123456789abcdef0');
    await world.provider.mark([found[0], gone, ...found.slice(1)] as Found[], 1_000, world.call);
    const marked = await world.another().inventory({}, world.call);
    expect(marked.map(({ orphanSince }) => orphanSince)).toEqual(found.map(() => 1_000));
    // Of what is there it is meant.
    const there = String(Reflect.get(Object(found[1]?.handle), 'machine'));
    deny(there);
    await expect(world.provider.mark(found, 2_000, world.call)).rejects.toMatchObject({ kind: 'denied' });
  });

  test('becomes ours when it is taken over', async () => {
    const world = await awsWorld();
    await bringUp(world, 'another-state');
    const foreign = await world.provider.inventory({ everyone: true }, world.call);
    await world.provider.mark(foreign, 1_000, world.call);
    await world.provider.own(foreign, world.call);
    const ours = await world.provider.inventory({}, world.call);
    expect(ours).toHaveLength(4);
    expect(ours.some(({ orphanSince }) => orphanSince !== undefined)).toBe(false);
  });

  test('is marked although some of it is gone by now', async () => {
    const world = await awsWorld({ ec2: { terminatedMs: 0 } });
    await bringUp(world);
    const found = await world.provider.inventory({}, world.call);
    world.ec2.outside.terminate(world.living()[0]?.id ?? '');
    await world.ec2.advance(1_000);
    await world.provider.mark(found, 1_000, world.call);
    expect((await world.provider.inventory({}, world.call)).every(({ orphanSince }) => orphanSince === 1_000)).toBe(true);
  });

  test('is ended in the order in which one holds the other, by repeating', async () => {
    const world = await awsWorld({ ec2: { stoppingMs: 300, volumeMs: 100 } });
    await bringUp(world);
    const other = world.another();
    const found = await other.inventory({}, world.call);
    expect(await other.reclaim(found, world.call)).toBe('requested');
    expect(world.ec2.snapshot().groups).toHaveLength(1);
    for (let tries = 0; (await other.reclaim(found, world.call)) !== 'absent' && tries < 100; tries++) await world.call.clock.sleep(50);
    expect(world.living()).toEqual([]);
    expect(world.ec2.snapshot().groups).toEqual([]);
    expect(await other.inventory({}, world.call)).toEqual([]);
    expect(await other.reclaim(found, world.call)).toBe('absent');
  });

  test('is looked for in every region that is swept, and where a spin lives', async () => {
    const world = await awsWorld({ settings: { regions: ['eu-west-1', 'us-east-1'] } });
    await bringUp(world);
    const elsewhere = { ...world.spin, id: parseSpinId('far'), incarnation: makeIncarnation(5), place: { region: 'eu-west-1' } };
    const far = world.firewall('web');
    const tags = { ...far.tags, [OWNED.id]: elsewhere.id, [OWNED.incarnation]: elsewhere.incarnation };
    await world.provider.create({ ...far, spin: elsewhere, tags }, world.call);
    const found = await world.another().inventory({}, world.call);
    expect(new Set(found.map(({ id, place }) => `${id} ${place?.region}`))).toEqual(new Set(['web us-east-1', 'far eu-west-1']));
    // Another process, whose config sweeps nothing but its own region, works on the spin.
    const narrow = world.another({ regions: [] });
    await narrow.observe([{ ...far, spin: elsewhere }], world.call);
    expect(await narrow.inventory({ id: elsewhere.id }, world.call)).toHaveLength(1);
  });

  test('is looked for in services that this config has no use for where a sweep looks beyond it, and who could not be asked is told', async () => {
    const world = await awsWorld();
    const colleague = world.another({ schedulerRole: 'arn:aws:iam::123456789012:role/scheduler' });
    await colleague.create(world.request('keeper.keeper', { kind: 'keeper' }), world.call);
    const { id } = world.spin;
    expect(await world.provider.inventory({}, world.call)).toEqual([]);
    const unasked: Unasked[] = [];
    const beyond = (one: Unasked): void => void unasked.push(one);
    const found = await world.another().inventory({ beyond }, world.call);
    expect(found).toMatchObject([{ id, kind: 'keeper', incarnation: world.spin.incarnation }]);
    // The double has no load balancers.
    expect(unasked).toMatchObject([{ kind: 'route', place: { region: 'us-east-1' }, fault: { class: 'unimplemented' } }]);
    // To be looked at again right before it is deleted, and to be deleted, it takes no role either.
    expect(await world.provider.inventory({ id, beyond }, world.call)).toHaveLength(1);
    world.ec2.script({ action: 'ListSchedules', fault: 'denied' });
    expect(await world.provider.inventory({ beyond }, world.call)).toEqual([]);
    expect(unasked).toContainEqual(expect.objectContaining({ kind: 'keeper', fault: expect.objectContaining({ kind: 'denied' }) }));
    // Who says that it is used is not contented with less, however far it looks.
    for (const scope of [{}, { beyond }]) {
      world.ec2.script({ action: 'ListSchedules', fault: 'denied' });
      await expect(colleague.inventory(scope, world.call)).rejects.toMatchObject({ kind: 'denied' });
    }
    expect(await world.provider.reclaim(found, world.call)).toBe('absent');
    expect(world.ec2.snapshot().schedules).toEqual([]);
  });

  test('costs no request more of one spin, or where nobody looks beyond it', async () => {
    const world = await awsWorld();
    await world.provider.inventory({ id: world.spin.id }, world.call);
    expect(world.ec2.calls.filter(({ action }) => action === 'ListSchedules' || action === 'DescribeTargetGroups')).toEqual([]);
  });

  test('is looked for where spins live by their records, and not in the region of the config alone', async () => {
    const world = await awsWorld();
    const far = { account: ACCOUNT, region: 'eu-west-1' };
    const spin = { ...world.spin, place: far };
    await world.provider.create({ ...world.firewall('web'), spin }, world.call);
    expect(await world.another().inventory({ id: spin.id }, world.call)).toEqual([]);
    expect(await world.another().inventory({ id: spin.id, places: [far] }, world.call)).toMatchObject([{ kind: 'firewall', place: far }]);
    // What the config sweeps must answer; elsewhere, what cannot be asked is told, and without anybody to tell it is a failure.
    const deny = () => world.ec2.script({ action: 'DescribeSecurityGroups', when: ({ region }) => region === far.region, fault: 'denied' });
    deny();
    await expect(world.another().inventory({ places: [far] }, world.call)).rejects.toMatchObject({ kind: 'denied' });
    deny();
    const unasked: Unasked[] = [];
    const beyond = (one: Unasked): void => void unasked.push(one);
    expect(await world.another().inventory({ places: [far], beyond }, world.call)).toEqual([]);
    expect(unasked).toContainEqual(
      expect.objectContaining({ place: { region: far.region }, fault: expect.objectContaining({ kind: 'denied' }) }),
    );
    deny();
    const sweeping = world.another({ regions: [far.region] });
    await expect(sweeping.inventory({ places: [far], beyond }, world.call)).rejects.toMatchObject({ kind: 'denied' });
  });

  test('is asked for with one question for the account, however many the regions', async () => {
    const world = await awsWorld({ settings: { regions: ['eu-west-1', 'us-east-1'] } });
    await world.provider.inventory({ places: [{ account: ACCOUNT, region: 'us-west-2' }] }, world.call);
    expect(world.ec2.counts()).toMatchObject({ GetCallerIdentity: 1 });
  });

  test('is neither listed nor touched in an account that the config does not list, which is asked for once', async () => {
    const world = await awsWorld();
    await bringUp(world);
    const found = await world.provider.inventory({}, world.call);
    const web = world.service({ name: 'web', replicas: 2 });
    const before = world.ec2.calls.length;
    const refused = world.another({ accounts: ['999999999999'] });
    const tries = [
      () => refused.inventory({ beyond: () => undefined }, world.call),
      () => refused.reclaim(found, world.call),
      () => refused.mark(found, 1_000, world.call),
      () => refused.own(found, world.call),
      () => refused.release(web, 1, world.call),
      () => refused.create(web, world.call),
    ];
    for (const one of tries) await expect(one()).rejects.toMatchObject({ kind: 'denied', class: 'account-refused' });
    // The double has no roles, and a list of profiles may still be on its way that nobody waits for any more.
    const asked = world.ec2.calls.slice(before).map(({ action }) => action);
    expect(asked.filter((action) => action !== 'ListInstanceProfiles')).toEqual(['GetCallerIdentity']);
    const admitted = world.another({ accounts: [ACCOUNT] });
    expect(await admitted.inventory({}, world.call)).toHaveLength(found.length);
    expect(await admitted.reclaim(found, world.call)).toBe('requested');
  });

  test('is complete or not told at all', async () => {
    const world = await awsWorld({ settings: { regions: ['eu-west-1', 'us-east-1'] } });
    await bringUp(world);
    world.ec2.script({ action: 'DescribeSecurityGroups', nth: 2, fault: 'denied' });
    await expect(world.provider.inventory({}, world.call)).rejects.toMatchObject({ kind: 'denied' });
  });
});

describe('regions', () => {
  const NAMES = ['us-east-1', 'eu-west-1', 'eu-central-1'];
  type Begin = (regions: readonly Region[], found: readonly Found[], call: Call) => Promise<unknown>;

  test.each<[string, Begin]>([
    ['listed', (regions, _found, call) => inventory(regions, {}, call)],
    ['marked in', (regions, found, call) => mark(regions, found, 1_000, call)],
    ['taken over in', own],
    ['swept', reclaim],
  ])('are %s staggered: each begins 50 ms after the one before', async (_what, begin) => {
    const endpoint = await startEndpoint(() => 'silent');
    onTestFinished(() => endpoint.close());
    const clock = new ManualClock();
    const { clouds, call, spin } = dataWorld({ url: endpoint.url, clock });
    const stop = new AbortController();
    const stoppable = { ...call, signal: stop.signal };
    const found = NAMES.map((region, nth) => machineIn(spin, region, `i-${nth}`));
    const done = begin(
      NAMES.map((name) => openRegion(clouds.in(name), call)),
      found,
      stoppable,
    ).catch(() => 'stopped');
    const asked = () => [...new Set(endpoint.asked.map(({ headers }) => String(headers.authorization).split('/')[2]))];
    for (const nth of NAMES.keys()) {
      await vi.waitFor(() => expect(asked()).toEqual(NAMES.slice(0, nth + 1)));
      await clock.advance(49);
      // Whatever else had begun would have arrived by then.
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(asked()).toEqual(NAMES.slice(0, nth + 1));
      await clock.advance(1);
    }
    stop.abort(new Error('enough'));
    expect(await done).toBe('stopped');
  });

  test('in which there is nothing to do hold up no other', async () => {
    const endpoint = await startEndpoint(() => ec2Answer('CreateTags', '<return>true</return>'));
    onTestFinished(() => endpoint.close());
    const { clouds, call, spin } = dataWorld({ url: endpoint.url, clock: new ManualClock() });
    const regions = NAMES.map((name) => openRegion(clouds.in(name), call));
    await mark(regions, [machineIn(spin, 'eu-central-1', 'i-1')], 1_000, call);
    expect(endpoint.asked.map(({ action }) => action)).toEqual(['CreateTags']);
  });
});

function machineIn({ id, incarnation }: SpinRef, region: string, machine: string): Found {
  return {
    provider: 'aws',
    id,
    incarnation,
    resource: 'service.web@1',
    kind: 'service',
    what: machine,
    place: { region },
    handle: { machine },
  };
}

/** Two instances, their firewall and a volume, owned by `state`. */
async function bringUp(world: AwsWorld, state?: string): Promise<void> {
  const owned = <Request extends { readonly tags: Readonly<Record<string, string>> }>(request: Request): Request =>
    state === undefined ? request : { ...request, tags: { ...request.tags, [OWNED.state]: state } };
  await world.provider.create(owned(world.firewall('web', { port: 'none' })), world.call);
  const volume = world.request('volume.data', { kind: 'volume', name: 'data', source: { from: 'disk', sizeGiB: 1 } });
  await world.provider.create(owned(volume), world.call);
  const web = await launch(world, owned(world.service({ name: 'web', replicas: 2 })));
  await world.until(web, (seen) => seen.state === 'running');
}
