import { beforeEach, describe, expect, it } from 'vitest';
import type { UpOutcome } from '../../src/app/outcomes.ts';
import { status } from '../../src/app/status.ts';
import { up, type UpRequest } from '../../src/app/up.ts';
import { SpinError } from '../../src/core/errors.ts';
import { usd } from '../../src/core/money.ts';
import { stateOf } from '../../src/lifecycle/state.ts';
import { Fault } from '../../src/providers/fault.ts';
import type { SpinRecord } from '../../src/store/record.ts';
import { runKilled } from './crash.ts';
import { appFor, Place, type Setup } from './world.ts';

const SPEC = `
name: shop
ttl: 4h
services:
  db: { run: db, port: auto }
  web: { run: web, expose: auto, needs: [db] }
`;
const HOUR = 3_600_000;
const FAULT = { class: 'crash-loop', message: 'it ended five times' };

let place: Place;
beforeEach(() => {
  place = new Place();
});

const run = (spec: string, request: Partial<UpRequest> = {}, setup: Setup = {}): Promise<UpOutcome> =>
  place.run(up(appFor(place, { spec, ...setup }), { file: '-', onFailure: 'keep', ...request }));
const failing = (work: Promise<unknown>): Promise<SpinError> =>
  work.then(
    () => expect.fail('it did not fail'),
    (thrown: SpinError) => thrown,
  );
const record = async (): Promise<SpinRecord> => (await place.store.list()).records[0]?.record ?? expect.fail('no record');
const keys = (): readonly string[] =>
  place.world
    .at()
    .map(({ key }) => key)
    .toSorted();

describe('up', () => {
  it('makes a spin, and says all there is to know about it', async () => {
    const outcome = await run(SPEC, {}, { price: () => 100 });
    expect(outcome).toMatchObject({ id: 'shop', provider: 'fake', state: 'up', result: 'created', hourly: 200, warnings: [] });
    expect(outcome.changes.map(({ action }) => action)).toEqual(Array(5).fill('create'));
    expect(outcome.endpoints).toMatchObject([
      { service: 'db', via: 'instance' },
      { service: 'web', via: 'route' },
    ]);
    expect(outcome.enforcers).toMatchObject([{ name: 'keeper', armed: true }]);
    expect(Date.parse(outcome.deadline)).toBe((await record()).createdAt + 4 * HOUR);
    expect(outcome.timings.convergenceMs).toBeDefined();
    expect(place.events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['spin.requested', 'plan.made', 'resource.ready', 'spin.ready']),
    );
    expect((await place.store.list()).records[0]?.lease).toBeUndefined();
  });

  it('changes nothing when it is run again, and says so', async () => {
    await run(SPEC);
    place.world.calls.length = 0;
    const again = await run(SPEC);
    expect(again).toMatchObject({ result: 'unchanged', state: 'up' });
    expect(place.world.calls.filter((call) => call.startsWith('create') || call.startsWith('release'))).toEqual([]);
  });

  it('says how long it took itself, and nothing of an earlier command, where nothing that runs had to change', async () => {
    place.world.delay('service.db', 5);
    const first = await run(SPEC);
    await place.clock.advance(HOUR);
    place.events.length = 0;
    const again = await run(SPEC);
    expect(again).toMatchObject({ result: 'unchanged' });
    expect(place.events.at(-1)?.type).toBe('spin.unchanged');
    place.events.length = 0;
    const moved = await run(SPEC, { owner: 'bob', tags: { a: 'b' } });
    expect(moved).toMatchObject({ result: 'changed', warnings: ['the owner changed from ada to bob', 'the tags changed'] });
    // Who reads along is not told that nothing changed, and then that something did.
    expect(place.events.at(-1)).toMatchObject({ type: 'spin.ready', ms: moved.timings.totalMs });
    for (const { timings } of [again, moved]) expect(timings.phases.map(({ phase }) => phase)).not.toContain('bootstrap');
    expect(moved.timings.totalMs).toBeLessThan(first.timings.totalMs);
  });

  it('touches only what changed', async () => {
    await run(SPEC);
    const { instances } = place.world.one('service.db');
    const outcome = await run(SPEC.replace('run: web', 'run: web --new'));
    expect(outcome.result).toBe('changed');
    expect(outcome.changes.filter(({ action }) => action !== 'keep').map(({ address }) => address)).toEqual([
      'service.web',
      'registration.web',
    ]);
    expect(place.world.one('service.db').instances).toEqual(instances);
    expect(keys()).toContain('service.web@2');
    expect((await record()).readyAt).toBeDefined();
  });

  it('resumes what another began and did not finish', async () => {
    const { names } = await runKilled(new Place(), { spec: SPEC }, (app) => up(app, { file: '-', onFailure: 'keep' }));
    await runKilled(place, { spec: SPEC }, (app) => up(app, { file: '-', onFailure: 'keep' }), {
      at: Math.floor(names.length / 2),
      when: 'after',
    });
    expect(stateOf(await record(), place.clock.now())).toBe('starting');
    expect(await run(SPEC)).toMatchObject({ result: 'resumed', state: 'up' });
  });

  it('keeps what came up when something did not, where it was told to, and goes on from there', async () => {
    place.world.ail('service.web', { ...FAULT, lastLines: ['boom'] });
    const error = await failing(run(SPEC));
    expect(error).toMatchObject({
      code: 'resource-failed',
      exit: 1,
      data: { id: 'shop', resource: 'service.web@1', rolledBack: false, fault: { class: 'crash-loop', lastLines: ['boom'] } },
    });
    expect(error.message).toContain('service.web@1 failed (crash-loop)');
    expect(await place.run(status(appFor(place), { id: 'shop' }))).toMatchObject({ state: 'failed', failure: { class: 'crash-loop' } });
    const { instances } = place.world.one('service.db');
    place.world.ail('service.web', undefined);
    expect(await run(SPEC)).toMatchObject({ state: 'up' });
    expect(place.world.one('service.db').instances).toEqual(instances);
    expect(await record()).not.toHaveProperty('failure');
  });

  it('wraps a fault that no resource is to blame for, and notes it', async () => {
    place.world.fail('enforce', new Fault('denied', 'no-timer', 'may not set timers'), { times: Infinity });
    expect(await failing(run(SPEC))).toMatchObject({ code: 'resource-failed', message: 'may not set timers' });
    expect(await record()).toMatchObject({ failure: { class: 'no-timer' } });
  });

  it('tries again what the provider throttled', async () => {
    place.world.fail('enforce', new Fault('throttled', 'slow-down', 'slow down'), { times: 3 });
    expect(await run(SPEC)).toMatchObject({ state: 'up' });
  });
});

describe('a rollback', () => {
  it('leaves nothing of a spin that never was up', async () => {
    place.world.ail('service.web', FAULT);
    const error = await failing(run(SPEC, { onFailure: 'rollback' }));
    expect(error).toMatchObject({ code: 'resource-failed', data: { rolledBack: true, fault: FAULT } });
    expect(place.world.at()).toEqual([]);
    expect((await place.store.list()).records).toEqual([]);
    expect(await place.store.ledger()).toHaveLength(1);
  });

  it('takes from a spin that was up only what this command made', async () => {
    await run(SPEC);
    const before = keys();
    place.world.ail('service.web@2', FAULT);
    const error = await failing(run(SPEC.replace('run: web', 'run: web --new'), { onFailure: 'rollback' }));
    expect(error.data).toMatchObject({ rolledBack: true });
    expect(keys()).toEqual(before);
    expect(place.world.one('registration.web').needs).toContain('service.web@1');
    expect(await run(SPEC)).toMatchObject({ state: 'up', result: 'unchanged' });
  });

  it('that fails does not hide why it was needed', async () => {
    place.world.ail('service.web', FAULT);
    const stuck = new Fault('denied', 'not-yours', 'may not be deleted');
    place.world.fail('release', stuck, { times: Infinity });
    place.world.fail('reclaim', stuck, { times: Infinity });
    const error = await failing(run(SPEC, { onFailure: 'rollback' }));
    expect(error.code).toBe('release-failed');
    expect(error.message).toContain('it ended five times');
    expect(error.message).toContain('may not be deleted');
    expect(error.data).toMatchObject({ rolledBack: false, fault: FAULT });
  });
});

describe('up --detach', () => {
  it('returns when the record and the preflight are done, and a background process goes on', async () => {
    expect(await run(SPEC, { detach: true, timeout: '5m' })).toMatchObject({ result: 'detached', state: 'starting' });
    expect(place.world.at()).toEqual([]);
    // It waits for the lease, which this process still holds when it starts it.
    expect(place.spawned).toEqual([['up', '--resume', 'shop', '--wait', '30s', '--on-failure', 'keep', '--timeout', '5m']]);
    expect(await run('', { resume: 'shop', wait: '30s' })).toMatchObject({ state: 'up', result: 'created' });
  });

  it('starts nothing where there is nothing to do', async () => {
    await run(SPEC);
    expect(await run(SPEC, { detach: true })).toMatchObject({ result: 'unchanged' });
    expect(place.spawned).toEqual([]);
  });

  it('cannot go on with a spin that is not there', async () => {
    expect(await failing(run('', { resume: 'shop' }))).toMatchObject({ code: 'spin-not-found' });
  });
});

describe('one ID is one life', () => {
  it('takes an expired spin down before it makes the new one', async () => {
    const { incarnation } = await run(SPEC);
    await place.clock.advance(5 * HOUR);
    const next = await run(SPEC);
    expect(next.result).toBe('created');
    expect(next.incarnation).not.toBe(incarnation);
    expect(new Set(place.world.at().map(({ spin }) => spin.incarnation))).toEqual(new Set([next.incarnation]));
    expect(await place.store.ledger()).toMatchObject([{ incarnation }]);
  });

  it('finishes a down that broke off', async () => {
    const { incarnation } = await run(SPEC);
    const { version, fence } = (await place.store.list()).records[0] ?? expect.fail();
    await place.store.write(version, { record: { ...(await record()), desired: 'down' }, lease: undefined, fence });
    const next = await run(SPEC);
    expect(next.incarnation).not.toBe(incarnation);
    expect(place.world.at().some(({ spin }) => spin.incarnation === incarnation)).toBe(false);
  });

  it('lets one of two that start at once go on', async () => {
    const both = await place.run(Promise.allSettled([1, 2].map(() => up(appFor(place, { spec: SPEC }), { file: '-', onFailure: 'keep' }))));
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'lease-held', exit: 4 } });
    expect(place.world.made).toHaveLength(5);
  });

  it('waits for another where it was told to, and finds its work done', async () => {
    const both = await place.run(
      Promise.all([1, 2].map(() => up(appFor(place, { spec: SPEC }), { file: '-', onFailure: 'keep', wait: '1m' }))),
    );
    expect(both.map(({ result }) => result).toSorted()).toEqual(['created', 'unchanged']);
    expect(place.world.made).toHaveLength(5);
  });

  it('gives a spin its whole TTL, however long it waited for the lease of another', async () => {
    place.world.delay('service.db', Infinity);
    const short = SPEC.replace('ttl: 4h', 'ttl: 10s');
    const first = up(appFor(place, { spec: SPEC }), { file: '-', onFailure: 'rollback', timeout: '30s' });
    await place.clock.advance(100);
    const second = up(appFor(place, { spec: short }), { file: '-', onFailure: 'keep', wait: '2m' });
    expect(await failing(place.run(first))).toMatchObject({ code: 'timeout' });
    place.world.ready('service.db');
    const { timings, ...outcome } = await place.run(second);
    expect(outcome).toMatchObject({ state: 'up', result: 'created' });
    // The wait is part of how long it took.
    expect(timings.convergenceMs).toBeGreaterThan(29_000);
    expect(place.events.findLast(({ type }) => type === 'spin.ready')?.ms).toBe(timings.convergenceMs);
  });
});

describe('the TTL', () => {
  it('moves the deadline when the spec gives another, in the record and at what enforces it', async () => {
    await run(SPEC);
    await place.clock.advance(HOUR);
    const outcome = await run(SPEC.replace('ttl: 4h', 'ttl: 8h'));
    const { createdAt, deadline } = await record();
    expect(deadline).toBe(createdAt + 8 * HOUR);
    expect(outcome).toMatchObject({ result: 'changed', warnings: [expect.stringMatching(/^the deadline moved from .+ to .+Z$/)] });
    expect(outcome.changes.every(({ action }) => action === 'keep')).toBe(true);
    expect([...place.world.deadlines.values()]).toEqual([deadline]);
  });

  it('that is nearly over is told, with what to type', async () => {
    await run(SPEC);
    await place.clock.advance(4 * HOUR - 50_000);
    const outcome = await run(SPEC);
    expect(outcome.result).toBe('unchanged');
    expect(outcome.warnings).toEqual([expect.stringMatching(/^shop ends in \d+\.\ds: spin extend shop --by 1h$/)]);
  });

  it('is enforced anew at once, though the rest of the command fails', async () => {
    await run(SPEC);
    place.world.ail('service.web@2', FAULT);
    await failing(run(SPEC.replace('ttl: 4h', 'ttl: 8h').replace('run: web', 'run: web --new')));
    expect([...place.world.deadlines.values()]).toEqual([(await record()).createdAt + 8 * HOUR]);
  });

  it('cannot become shorter than the spin is old', async () => {
    await run(SPEC);
    await place.clock.advance(2 * HOUR);
    expect(await failing(run(SPEC.replace('ttl: 4h', 'ttl: 1h')))).toMatchObject({ code: 'change-refused' });
    expect((await record()).spec.ttlMs).toBe(4 * HOUR);
  });
});

describe('up refuses', () => {
  it('another provider for a running spin', async () => {
    await run(SPEC);
    expect(await failing(run(`provider: other\n${SPEC}`))).toMatchObject({ code: 'change-refused', hint: 'spin down shop, then spin up' });
    expect((await place.store.list()).records[0]?.lease).toBeUndefined();
  });

  it.each<[string, string, Setup]>([
    ['budget-exceeded', `${SPEC}budget: { perHour: 1 }\n`, { price: () => usd(1) }],
    ['budget-exceeded', `${SPEC}budget: { total: 7.99 }\n`, { price: () => usd(1) }],
    ['limit-exceeded', SPEC, { settings: { limits: { maxInstances: 1 } } }],
    ['budget-exceeded', SPEC, { settings: { limits: { maxHourly: 1 } }, price: () => 1 }],
    ['limit-exceeded', SPEC, { settings: { limits: { maxTtlMs: HOUR } } }],
  ])('what passes a limit (%s), before anything is written', async (code, spec, setup) => {
    expect(await failing(run(spec, {}, setup))).toMatchObject({ code, exit: 5 });
    expect(place.store.writes).toBe(0);
    expect(place.world.calls).toEqual([]);
  });

  it('a spin whose keep tag holds it longer than its budget lasts, and takes it again where it is within', async () => {
    const kept = (budget: number) => `${SPEC}budget: { total: ${budget} }\ntags: { keep: "2026-01-03" }\n`;
    const setup = { price: () => usd(1) };
    // Two services at a dollar per hour each.
    const whole = (2 * (Date.UTC(2026, 0, 4) - place.clock.now())) / HOUR;
    expect(await failing(run(kept(whole - 1), {}, setup))).toMatchObject({ code: 'budget-exceeded' });
    expect(await run(kept(whole + 1), {}, setup)).toMatchObject({ result: 'created' });
    await place.clock.advance(HOUR);
    expect(await run(kept(whole + 1), {}, setup)).toMatchObject({ result: 'unchanged' });
  });

  it('no spin that is within its budget only because some of it is over', async () => {
    const spec = `${SPEC}budget: { total: 8 }\n`;
    const setup = { price: () => usd(1) };
    await run(spec, {}, setup);
    await place.clock.advance(2 * HOUR);
    expect(await run(spec, {}, setup)).toMatchObject({ result: 'unchanged' });
    expect(await failing(run(spec.replace('4h', '5h'), {}, setup))).toMatchObject({ code: 'budget-exceeded' });
  });

  it('what a check before the first creating call finds wrong, and leaves no record', async () => {
    place.world.broken = 'there is no space';
    expect(await failing(run(SPEC))).toMatchObject({ code: 'preflight-failed', message: 'fake: there is no space' });
    expect((await place.store.list()).records).toEqual([]);
    expect(place.world.calls.filter((call) => call.startsWith('create'))).toEqual([]);
  });

  it('to lose data', async () => {
    const withVolume = (volume: string) =>
      SPEC.replace('services:', `volumes: { data: ${volume} }\nservices:`).replace('port: auto', 'port: auto, volumes: [data]');
    await run(withVolume('{}'));
    expect(await failing(run(withVolume('{ folder: /tmp }')))).toMatchObject({
      code: 'change-refused',
      hint: 'spin down shop, then spin up',
      data: { refused: ['volume.data'] },
    });
    expect((await record()).spec.volumes).toEqual({ data: { from: 'empty' } });
    expect(await run(withVolume('{}'))).toMatchObject({ result: 'unchanged' });
  });
});

describe('up stops', () => {
  it('at its timeout, and notes why', async () => {
    place.world.delay('service.db', Infinity);
    expect(await failing(run(SPEC, { timeout: '10s' }))).toMatchObject({ code: 'timeout', message: 'not up within 10s' });
    expect(await record()).toMatchObject({ failure: { class: 'timeout' }, resources: { 'service.db@1': { status: 'booting' } } });
    place.world.ready('service.db');
    expect(await run(SPEC)).toMatchObject({ state: 'up', result: 'resumed' });
  });

  it('at its timeout also while it waits for another', async () => {
    place.world.delay('service.db', Infinity);
    const first = up(appFor(place, { spec: SPEC }), { file: '-', onFailure: 'keep', timeout: '40s' });
    await place.clock.advance(100);
    const began = place.clock.now();
    expect(await failing(run(SPEC, { wait: true, timeout: '10s' }))).toMatchObject({ code: 'timeout', hint: 'spin status shop' });
    expect(place.clock.now() - began).toBeLessThan(12_000);
    await failing(place.run(first));
  });

  it('when the user interrupts: the record is true, the lease given back, and nothing rolled back', async () => {
    place.world.delay('service.db', Infinity);
    const stop = new AbortController();
    const work = up(appFor(place, { spec: SPEC, signal: stop.signal }), { file: '-', onFailure: 'rollback' });
    await place.clock.advance(1_000);
    const reason = new SpinError('interrupted', 'interrupted');
    stop.abort(reason);
    expect(await failing(place.run(work))).toBe(reason);
    const { records } = await place.store.list();
    expect(records).toMatchObject([{ lease: undefined, record: { desired: 'up', resources: { 'service.db@1': { status: 'booting' } } } }]);
    expect(records[0]?.record).not.toHaveProperty('failure');
  });
});
