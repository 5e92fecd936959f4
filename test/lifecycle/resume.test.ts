import { beforeEach, describe, expect, it } from 'vitest';
import type { FaultNote } from '../../src/core/events.ts';
import { base, type ResourceFailure } from '../../src/lifecycle/effects.ts';
import { turnedDown } from '../../src/lifecycle/release.ts';
import { Fault, type FaultKind } from '../../src/providers/fault.ts';
import { OWNED } from '../../src/core/tags.ts';
import { SpinError } from '../../src/core/errors.ts';
import type { ResourceRecord } from '../../src/store/record.ts';
import { EXPOSED, specOf } from '../plan/specs.ts';
import { targetOf } from '../../src/lifecycle/work.ts';
import { Stage } from './stage.ts';

let stage: Stage;
beforeEach(() => {
  stage = new Stage();
});

const SERVICES = { db: { volumes: ['data'] }, web: { ...EXPOSED, needs: ['db'] } } as const;
const SPEC = specOf(SERVICES);
const FAULT: FaultNote = { class: 'crash-loop', message: 'it ended five times' };
const failing = (work: Promise<unknown>): Promise<ResourceFailure> =>
  work.then(
    () => expect.fail('it did not fail'),
    (thrown: ResourceFailure) => thrown,
  );

const untilAsked = async (of: string, times: number): Promise<void> => {
  while (stage.world.calls.filter((call) => call.startsWith(`create ${of}@`)).length < times) await stage.clock.sleep(10);
};

describe('an up after one that broke off', () => {
  const asIf: Readonly<Record<string, (resource: ResourceRecord) => ResourceRecord>> = {
    creating: (resource) => ({ ...base(resource), status: 'creating' }),
    booting: (resource) => ({ ...base(resource), status: 'booting', handle: {} }),
    'failed before it was made': (resource) => ({ ...base(resource), status: 'failed', at: 'creating', fault: FAULT }),
  };

  it.each(
    Object.keys(asIf).flatMap((status) =>
      ['service.db@1', 'volume.data@1', 'route.web@1', 'registration.web@1'].map((key) => [key, status]),
    ),
  )('finds %s again that was written down as %s', async (key, status) => {
    await stage.converge(SPEC);
    const made = [...stage.world.made];
    await stage.rewrite(key, asIf[status] ?? expect.fail());
    await stage.converge(SPEC);
    expect(stage.world.made).toEqual(made);
    expect(new Set(Object.values(stage.statuses()))).toEqual(new Set(['ready']));
    expect(new Set(Object.values(await stage.actions(SPEC)))).toEqual(new Set(['keep']));
  });

  it.each(['booting', 'ready'] as const)('replaces a service that failed when it was %s', async (at) => {
    await stage.converge(SPEC);
    await stage.rewrite('service.web@1', (resource) => ({ ...base(resource), status: 'failed', at, fault: FAULT }));
    await stage.converge(SPEC);
    expect(stage.statuses()).toMatchObject({ 'service.web@2': 'ready', 'registration.web@2': 'ready' });
    expect(Object.keys(stage.serials()).toSorted()).toEqual(Object.keys(stage.statuses()).toSorted());
  });

  it('finishes a release, and makes a new generation', async () => {
    await stage.converge(SPEC);
    await stage.rewrite('service.db@1', (resource) => ({ ...base(resource), status: 'releasing' }));
    await stage.converge(SPEC);
    expect(stage.world.at('service.db').map(({ key }) => key)).toEqual(['service.db@2']);
    expect(stage.world.at('volume.data').map(({ key }) => key)).toEqual(['volume.data@1']);
  });

  it('makes anew what is gone, and leads the route to it', async () => {
    await stage.converge(SPEC);
    stage.world.lose('service.web');
    expect(await stage.actions(SPEC)).toMatchObject({
      'service.web': 'replace',
      'registration.web': 'replace',
      'service.db': 'keep',
      'route.web': 'keep',
    });
    await stage.converge(SPEC);
    expect(stage.world.one('registration.web').needs).toEqual(['service.web@2', 'route.web@1']);
  });

  it('restarts what was started with a volume that is gone', async () => {
    await stage.converge(SPEC);
    stage.world.lose('volume.data');
    await stage.converge(SPEC);
    expect(stage.world.one('service.db')).toMatchObject({ key: 'service.db@2', needs: ['keeper.keeper@1', 'volume.data@2'] });
  });

  it('makes the keeper and routes again in place, and touches no service for it', async () => {
    await stage.converge(SPEC);
    const { 'service.web@1': web, 'service.db@1': db } = stage.serials();
    for (const of of ['keeper.keeper', 'route.web', 'registration.web']) stage.world.lose(of);
    await stage.converge(SPEC);
    expect(stage.serials()).toMatchObject({ 'service.web@1': web, 'service.db@1': db });
    expect(Object.keys(stage.serials())).toHaveLength(6);
  });
});

describe('a fault of a creating call', () => {
  const fault = (kind: FaultKind) => new Fault(kind, `class-${kind}`, `the cloud says ${kind}`, { exhausted: true });
  const noCapacity = () => new Fault('capacity', 'InsufficientInstanceCapacity', 'none of this type here');

  it.each(['throttled', 'transient'] as const)('that is %s is tried again, with pauses that grow', async (kind) => {
    stage.world.fail('create', fault(kind), { of: 'service.db', times: 4 });
    const began = stage.clock.now();
    const { done } = await stage.begin(SPEC);
    const tries = () => stage.world.calls.filter((call) => call === 'create service.db@1').length;
    for (const [at, expected] of [
      [199, 1],
      [200, 2],
      [600, 3],
      [1_400, 4],
      [2_999, 4],
      [3_000, 5],
    ] as const) {
      await stage.clock.advance(began + at - stage.clock.now());
      expect([at, tries()]).toEqual([at, expected]);
    }
    await stage.place.run(done);
    expect(stage.world.made.filter((key) => key.startsWith('service.db'))).toEqual(['service.db@1.1']);
  });

  it.each(['capacity', 'quota', 'denied', 'not-found', 'conflict', 'invalid'] as const)('that is %s is not tried again', async (kind) => {
    stage.world.fail('create', fault(kind), { of: 'service.db', times: Infinity });
    const failure = await failing(stage.converge(SPEC));
    expect(failure).toMatchObject({ key: 'service.db@1', fault: { class: `class-${kind}`, message: `the cloud says ${kind}` } });
    expect(stage.world.calls.filter((call) => call === 'create service.db@1')).toHaveLength(1);
    expect(stage.record.resources['service.db@1']).toMatchObject({ status: 'failed', at: 'creating', fault: { class: `class-${kind}` } });
  });

  it('for want of capacity asks for the next alternative, which is written down before it is asked for', async () => {
    stage.world.fail('create', noCapacity(), { of: 'service.db', times: 2 });
    await stage.converge(SPEC);
    expect(stage.record.resources['service.db@1']).toMatchObject({ status: 'ready', attempt: 2 });
    expect(stage.world.one('service.db').attempt).toBe(2);
    expect(stage.events.filter(({ type }) => type === 'resource.alternative').map(({ data }) => data)).toEqual([
      { attempt: 1 },
      { attempt: 2 },
    ]);
  });

  it('for want of capacity goes on with the alternative of the crashed command', async () => {
    stage.world.fail('create', noCapacity(), { of: 'service.db' });
    stage.world.fail('create', fault('denied'), { of: 'service.db' });
    await failing(stage.converge(SPEC));
    expect(stage.record.resources['service.db@1']).toMatchObject({ status: 'failed', attempt: 1 });
    await stage.converge(SPEC);
    expect(stage.world.one('service.db').attempt).toBe(1);
    expect(Object.values(stage.statuses())).not.toContain('failed');
  });

  it.each(['capacity', 'quota', 'denied'] as const)('that is %s leaves what stands, where something was missing of it', async (kind) => {
    await stage.converge(SPEC);
    const web = stage.world.one('service.web');
    const { instances } = web;
    web.notReadyFor = Infinity;
    stage.world.fail('create', fault(kind), { of: 'service.web', times: 2 });
    for (const round of [1, 2]) {
      await failing(stage.converge(SPEC));
      expect([round, await stage.actions(SPEC)]).toMatchObject([round, { 'service.web': 'resume' }]);
      expect(stage.world.one('service.web')).toMatchObject({ key: 'service.web@1', instances });
    }
    stage.world.ready('service.web');
    await stage.converge(SPEC);
    expect(stage.statuses()).toMatchObject({ 'service.web@1': 'ready' });
  });

  it('that never ends is given up at a deadline', async () => {
    stage.world.fail('create', fault('throttled'), { of: 'service.db', times: Infinity });
    const began = stage.clock.now();
    expect(await failing(stage.converge(SPEC))).toMatchObject({ fault: { class: 'class-throttled' } });
    expect(stage.clock.now() - began).toBeLessThanOrEqual(120_000);
  });

  it('that lost the answer does not make it twice', async () => {
    stage.world.fail('create', fault('transient'), { of: 'service.web', times: 3, when: 'after' });
    await stage.converge(SPEC);
    expect(stage.world.made.filter((key) => key.startsWith('service.web'))).toEqual(['service.web@1.1']);
  });

  it('leaves the rest as it is, for the next try', async () => {
    stage.world.fail('create', fault('denied'), { of: 'service.web' });
    await failing(stage.converge(SPEC));
    expect(stage.statuses()).toMatchObject({ 'service.db@1': 'ready', 'service.web@1': 'failed', 'keeper.keeper@1': 'ready' });
    const { 'service.db@1': db } = stage.serials();
    await stage.converge(SPEC);
    expect(stage.serials()['service.db@1']).toEqual(db);
    expect(new Set(Object.values(stage.statuses()))).toEqual(new Set(['ready']));
  });
});

describe('a failure while it boots', () => {
  it('ends the wait for everything else at once, and says why', async () => {
    stage.world.delay('service.slow', Infinity);
    stage.world.ail('service.bad', { ...FAULT, lastLines: ['boom'] });
    const began = stage.clock.now();
    const failure = await failing(stage.converge(specOf({ slow: {}, bad: {} })));
    expect(failure).toMatchObject({ key: 'service.bad@1', fault: { ...FAULT, lastLines: ['boom'] } });
    expect(stage.clock.now() - began).toBeLessThan(1_000);
    expect(stage.record.resources).toMatchObject({
      'service.slow@1': { status: 'booting' },
      'service.bad@1': { status: 'failed', at: 'booting' },
    });
    expect(stage.events.filter(({ type }) => type === 'resource.failed').map(({ resource }) => resource)).toEqual(['service.bad@1']);

    // Mended, it goes on: the slow one is the same, the bad one is new.
    stage.world.ail('service.bad', undefined);
    stage.world.ready('service.slow');
    const { 'service.slow@1': slow } = stage.serials();
    await stage.converge(specOf({ slow: {}, bad: {} }));
    expect(stage.serials()).toEqual({ 'keeper.keeper@1': expect.any(Array), 'service.slow@1': slow, 'service.bad@2': expect.any(Array) });
  });

  it('leaves the old generation registered', async () => {
    await stage.converge(SPEC);
    stage.world.ail('service.web@2', FAULT);
    await failing(stage.converge(specOf({ db: { volumes: ['data'] }, web: { ...EXPOSED, needs: ['db'], env: { NEW: '1' } } })));
    expect(stage.statuses()).toMatchObject({ 'service.web@1': 'ready', 'registration.web@1': 'ready', 'service.web@2': 'failed' });
    expect(stage.world.one('registration.web').needs).toContain('service.web@1');
  });

  it('is also that what was made vanishes, once the provider has had time to show it', async () => {
    stage.world.during('create', async () => stage.world.lose('service.db'), { of: 'service.db', when: 'after' });
    const began = stage.clock.now();
    expect(await failing(stage.converge(SPEC))).toMatchObject({ key: 'service.db@1', fault: { class: 'vanished' } });
    expect(stage.clock.now() - began).toBeGreaterThanOrEqual(10_000);
  });
});

describe('an abort', () => {
  it('stops every wait with its reason, and the next up goes on', async () => {
    stage.world.delay('service.db', Infinity);
    const { done } = await stage.begin(SPEC);
    await stage.clock.advance(1_000);
    const reason = new Error('SIGINT');
    stage.stop.abort(reason);
    expect(await failing(stage.place.run(done))).toBe(reason);
    expect(stage.statuses()).toMatchObject({ 'service.db@1': 'booting' });

    await (await stage.work()).session.close();
    stage.world.ready('service.db');
    const next = new Stage(stage.place);
    await next.converge(SPEC);
    expect(next.world.made.filter((key) => key.startsWith('service.db'))).toEqual(['service.db@1.1']);
  });
});

it('writes down when something was asked for last, where that took long: it may have been made a moment ago', async () => {
  stage.world.fail('create', new Fault('throttled', 'slow-down', 'slow down'), { of: 'service.db', times: 6 });
  stage.world.hang('create', { of: 'service.db' });
  const { done } = await stage.begin(SPEC);
  const began = stage.clock.now();
  await stage.place.run(untilAsked('service.db', 7));
  const { requestedAt, askedAt = 0 } = stage.record.resources['service.db@1'] ?? expect.fail();
  expect(requestedAt - began).toBeLessThan(1_000);
  expect(stage.clock.now() - askedAt).toBeLessThan(5_000);
  expect(askedAt - began).toBeGreaterThan(10_000);
  stage.stop.abort(new Error('killed'));
  await failing(stage.place.run(done));
  expect(targetOf(stage.record, stage.record.resources['service.db@1'] ?? expect.fail()).requestedAt).toBe(askedAt);
});

it('counts what a larger number costs from now, and yet tells the provider when it was asked for before', async () => {
  await stage.converge(SPEC);
  const before = stage.record.resources['service.db@1']?.requestedAt;
  await stage.clock.advance(3_600_000);
  const asked: (number | undefined)[] = [];
  const { provider } = await stage.work();
  const create = provider.create.bind(provider);
  provider.create = (request, call) => {
    if (request.key === 'service.db@1') asked.push(request.requestedAt);
    return create(request, call);
  };
  await stage.converge(specOf({ ...SERVICES, db: { ...SERVICES.db, replicas: 2 } }));
  expect(asked).toEqual([before]);
  const { requestedAt, askedAt } = stage.record.resources['service.db@1'] ?? expect.fail();
  expect([requestedAt, askedAt].map((time) => stage.clock.now() - (time ?? 0) < 10_000)).toEqual([true, true]);
});

describe('a lease that is lost in the middle', () => {
  it('ends the work: nothing is made, and nothing is written, any more', async () => {
    stage.world.delay('service.db', Infinity);
    const { done } = await stage.begin(SPEC);
    await stage.clock.advance(1_000);
    const taker = await stage.open('preempt');
    stage.world.calls.length = 0;
    stage.world.ready('service.db');
    expect(await failing(stage.place.run(done))).toMatchObject({ code: 'lease-lost' });
    expect(stage.world.calls.filter((call) => call.startsWith('create'))).toEqual([]);
    expect((await stage.place.store.list()).records[0]).toMatchObject({ fence: taker.fence, lease: { holder: { command: 'down' } } });
  });

  it('is found out between two tries of a call', async () => {
    stage.world.fail('create', new Fault('throttled', 'slow-down', 'slow down'), { of: 'service.db', times: Infinity });
    const { done } = await stage.begin(SPEC);
    await stage.clock.advance(100);
    await stage.open('preempt');
    stage.world.calls.length = 0;
    expect(await failing(stage.place.run(done))).toMatchObject({ code: 'lease-lost' });
    expect(stage.world.calls.filter((call) => call.startsWith('create'))).toEqual([]);
  });

  it('is found out where the provider has seen a newer fencing number', async () => {
    stage.world.hang('nextChange');
    stage.world.during(
      'create',
      async () => {
        // Another took it over, and has been at the provider, between our write and our call.
        const taker = await stage.open('preempt');
        stage.world.fence({ ...taker.record }, taker.fence);
      },
      { of: 'service.db' },
    );
    expect(await failing(stage.converge(SPEC))).toMatchObject({ code: 'lease-lost' });
    expect(stage.world.at('service.db')).toEqual([]);
  });

  it('lets a down win over an up: the up stops, and nothing is left', async () => {
    stage.world.delay('service.db', Infinity);
    const { done } = await stage.begin(SPEC);
    await stage.clock.advance(500);
    const down = new Stage(stage.place);
    const session = await stage.open('preempt');
    down.use(session);
    await down.dissolve();
    expect(await failing(stage.place.run(done))).toMatchObject({ code: 'lease-lost' });
    expect(stage.world.at()).toEqual([]);
    expect(down.record.resources).toEqual({});
  });

  describe('while something was on its way', () => {
    /** A provider that knows nothing of leases, as a cloud, once `taken` ran in the middle of a create. */
    const whileCreating = (of: string, taken: () => Promise<void>, when: 'before' | 'after' = 'before'): void =>
      stage.world.during(
        'create',
        async () => {
          await taken();
          stage.world.fences.clear();
          stage.world.calls.length = 0;
        },
        { of, when },
      );
    const downed = async (): Promise<void> => {
      const down = new Stage(stage.place);
      const session = await stage.open('preempt');
      await session.update((record) => turnedDown(record, stage.clock.now()));
      down.use(session);
      await down.dissolve();
      await session.remove();
    };
    const withdrawn = () => stage.events.filter(({ type }) => type === 'resource.withdrawn');

    it.each(['keeper.keeper', 'service.db'])('ends %s again, which came into being after a down was done', async (of) => {
      whileCreating(of, downed);
      expect(await failing(stage.converge(SPEC))).toMatchObject({ code: 'lease-lost' });
      expect(stage.world.made).toContain(`${of}@1.1`);
      expect(stage.world.at()).toEqual([]);
      expect(withdrawn()).toEqual([{ type: 'resource.withdrawn', resource: `${of}@1` }]);
    });

    it('ends it also where another life has begun since, and leaves that alone', async () => {
      const next = new Stage(stage.place);
      whileCreating('service.db', async () => {
        await downed();
        await stage.clock.advance(10);
        next.use(await stage.open());
        await next.converge(SPEC);
      });
      expect(await failing(stage.converge(SPEC))).toMatchObject({ code: 'lease-lost' });
      expect(new Set(stage.world.at().map(({ spin }) => spin.incarnation))).toEqual(new Set([next.record.incarnation]));
      expect(stage.world.at().map(({ key }) => key)).toContain('service.db@1');
      expect(withdrawn()).toHaveLength(1);
    });

    it('ends it where its answer was lost', async () => {
      stage.world.fail('create', new Fault('transient', 'no-answer', 'no answer'), { of: 'service.db', when: 'after' });
      whileCreating('service.db', downed);
      expect(await failing(stage.converge(SPEC))).toMatchObject({ code: 'lease-lost' });
      expect(stage.world.at()).toEqual([]);
      expect(withdrawn()).toHaveLength(1);
    });

    it('ends it while the down is still at work, which may have looked for it before', async () => {
      whileCreating('service.db', async () => {
        const session = await stage.open('preempt');
        await session.update((record) => turnedDown(record, stage.clock.now()));
      });
      expect(await failing(stage.converge(SPEC))).toMatchObject({ code: 'lease-lost' });
      expect(stage.world.at('service.db')).toEqual([]);
      expect(stage.moves()).toContain('release service.db@1');
    });

    it('leaves it to one who brings the spin up', async () => {
      whileCreating('service.db', async () => {
        await stage.open('preempt');
      });
      expect(await failing(stage.converge(SPEC))).toMatchObject({ code: 'lease-lost' });
      expect(stage.world.at('service.db')).toHaveLength(1);
      expect(stage.moves()).toEqual([]);
      expect(withdrawn()).toEqual([]);
    });

    it('leaves it to who has the provider told of a newer lease', async () => {
      stage.world.fail('release', new Fault('conflict', 'fenced', 'another has it'), { times: Infinity });
      whileCreating('service.db', async () => {
        const session = await stage.open('preempt');
        await session.update((record) => turnedDown(record, stage.clock.now()));
      });
      expect(await failing(stage.converge(SPEC))).toMatchObject({ code: 'lease-lost' });
      expect(withdrawn()).toEqual([]);
    });

    it('leaves it alone where another state location took the life over', async () => {
      stage.world.place = { account: '1', region: 'here' };
      whileCreating('service.db', async () => {
        const session = await stage.open('preempt');
        for (const thing of stage.world.at()) thing.tags = { ...thing.tags, [OWNED.state]: 'of-others' };
        // As a sweep does, which forgets it.
        await session.remove();
      });
      expect(await failing(stage.converge(SPEC))).toMatchObject({ code: 'lease-lost' });
      expect(stage.world.at('service.db')).toHaveLength(1);
      expect(stage.moves()).toEqual([]);
      expect(withdrawn()).toEqual([]);
    });

    it.each<[string, () => Promise<void>]>([
      [
        'failed before it was made',
        async () => {
          stage.world.fail('create', new Fault('invalid', 'boom', 'boom'), { of: 'service.db' });
          await failing(stage.converge(SPEC));
        },
      ],
      [
        'was interrupted before it was made',
        async () => {
          stage.world.during('create', async () => stage.stop.abort(new SpinError('interrupted', 'SIGINT')), { of: 'service.db' });
          await failing(stage.converge(SPEC));
          await (await stage.work()).session.close();
          stage = new Stage(stage.place);
        },
      ],
    ])('ends it also where an earlier try %s', async (_how, before) => {
      await before();
      expect(stage.world.at('service.db')).toEqual([]);
      whileCreating('service.db', downed);
      expect(await failing(stage.converge(SPEC))).toMatchObject({ code: 'lease-lost' });
      expect(stage.world.made).toContain('service.db@1.1');
      expect(stage.world.at()).toEqual([]);
      expect(withdrawn()).toHaveLength(1);
    });

    it('ends it also where the provider has to be asked twice whose it is', async () => {
      stage.world.place = { account: '1', region: 'here' };
      whileCreating('service.db', async () => {
        await downed();
        stage.world.fail('inventory', new Fault('throttled', 'slow-down', 'slow down'));
      });
      expect(await failing(stage.converge(SPEC))).toMatchObject({ code: 'lease-lost' });
      expect(stage.world.at()).toEqual([]);
      expect(withdrawn()).toEqual([{ type: 'resource.withdrawn', resource: 'service.db@1' }]);
    });

    it('leaves alone what was there before: it may serve', async () => {
      await stage.converge(SPEC);
      whileCreating('service.db', downed);
      expect(await failing(stage.converge(specOf({ ...SERVICES, db: { ...SERVICES.db, replicas: 2 } })))).toMatchObject({
        code: 'lease-lost',
      });
      expect(withdrawn()).toEqual([]);
      expect(stage.moves()).not.toContain('release service.db@1');
    });

    it('tells where the store cannot be asked whose it is now', async () => {
      whileCreating('service.db', async () => {
        await downed();
        const { store } = stage.place;
        const read = store.read.bind(store);
        let asked = 0;
        store.read = (id) => (asked++ === 0 ? read(id) : Promise.reject(new SpinError('state-unwritable', 'no answer')));
      });
      expect(await failing(stage.converge(SPEC))).toMatchObject({ code: 'lease-lost' });
      expect(withdrawn()).toMatchObject([{ resource: 'service.db@1', fault: { class: 'state-unwritable' } }]);
    });

    /** After the look that finds the lease lost. */
    const hangStore = (): void => {
      const { store } = stage.place;
      const read = store.read.bind(store);
      let asked = 0;
      store.read = (id) => (asked++ === 0 ? read(id) : new Promise(() => undefined));
    };

    it('is given up when the user interrupts it, or it hangs, and says so', async () => {
      for (const how of ['interrupted', 'hangs', 'store hangs']) {
        stage = new Stage();
        whileCreating('service.db', async () => {
          await downed();
          if (how === 'store hangs') hangStore();
          else stage.world.hang('release', { of: 'service.db' });
          if (how === 'interrupted') void stage.clock.sleep(1_000).then(() => stage.stop.abort(new SpinError('interrupted', 'SIGINT')));
        });
        const began = stage.clock.now();
        expect(await failing(stage.converge(SPEC))).toMatchObject({ code: 'lease-lost' });
        expect(withdrawn()).toMatchObject([{ fault: { class: how === 'interrupted' ? 'interrupted' : 'timeout' } }]);
        expect(stage.clock.now() - began).toBeLessThan(how === 'interrupted' ? 5_000 : 40_000);
      }
    });

    it('says what is still there, after it asked for a while', async () => {
      whileCreating('service.db', async () => {
        await downed();
        stage.world.releaseLooks = Infinity;
      });
      expect(await failing(stage.converge(SPEC))).toMatchObject({ code: 'lease-lost' });
      expect(withdrawn()).toMatchObject([{ resource: 'service.db@1', fault: { class: 'timeout' } }]);
    });

    it('says what could not be ended, after it tried for a while', async () => {
      whileCreating('service.db', async () => {
        await downed();
        stage.world.fail('release', new Fault('transient', 'no-answer', 'no answer'), { times: Infinity });
      });
      const began = stage.clock.now();
      expect(await failing(stage.converge(SPEC))).toMatchObject({ code: 'lease-lost' });
      expect(withdrawn()).toMatchObject([{ resource: 'service.db@1', fault: { class: 'no-answer' } }]);
      expect(stage.clock.now() - began).toBeGreaterThan(20_000);
    });
  });
});
