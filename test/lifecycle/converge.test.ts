import { beforeEach, describe, expect, it } from 'vitest';
import { costOfIntervals } from '../../src/cost/intervals.ts';
import { Fault } from '../../src/providers/fault.ts';
import { HOUR, serviceSpec } from '../cost/records.ts';
import { EXPOSED, type ServiceSketch, specOf } from '../plan/specs.ts';
import { Stage } from './stage.ts';

let stage: Stage;
beforeEach(() => {
  stage = new Stage();
});

const SHOP: Readonly<Record<string, ServiceSketch>> = {
  db: { volumes: ['data'], secrets: ['password'] },
  web: { ...EXPOSED, replicas: 2, needs: ['db'], env: { DB: '${services.db.address}' } },
};
const { health: HEALTH } = serviceSpec('any');
const shop = (over: Readonly<Record<string, ServiceSketch>> = {}) => specOf({ ...SHOP, ...over });
const before = (moves: readonly string[], first: string, second: string) => {
  expect(moves).toContain(first);
  expect(moves).toContain(second);
  expect(moves.indexOf(first)).toBeLessThan(moves.indexOf(second));
};

describe('the order', () => {
  it('makes everything, each after what it needs is ready', async () => {
    await stage.converge(shop());
    const moves = stage.moves();
    before(moves, 'create keeper.keeper@1', 'create secret.password@1');
    before(moves, 'create volume.data@1', 'create service.db@1');
    before(moves, 'create service.db@1', 'create service.web@1');
    before(moves, 'create route.web@1', 'create registration.web@1');
    before(moves, 'create service.web@1', 'create registration.web@1');
    expect(new Set(Object.values(stage.statuses()))).toEqual(new Set(['ready']));
    expect(stage.world.one('service.web').env['DB']).toMatch(/^127\.0\.0\.1:2\d{4}$/);
  });

  it('moves independent resources at the same time, and lets a slow one hold back only what needs it', async () => {
    stage.world.delay('service.slow', Infinity);
    const { done } = await stage.begin(specOf({ slow: {}, quick: EXPOSED, after: { needs: ['slow'] } }));
    await stage.clock.advance(2_000);
    expect(stage.statuses()).toMatchObject({ 'service.slow@1': 'booting', 'registration.quick@1': 'ready' });
    expect(stage.statuses()).not.toHaveProperty('service.after@1');
    stage.world.ready('service.slow');
    await stage.place.run(done);
    expect(stage.statuses()).toMatchObject({ 'service.after@1': 'ready' });
  });

  it('sends creating calls of independent resources side by side', async () => {
    stage.world.hang('create', { of: 'service.a' });
    const { done } = await stage.begin(specOf({ a: {}, b: {}, c: {} }));
    await stage.clock.advance(1_000);
    expect(stage.statuses()).toMatchObject({ 'service.a@1': 'creating', 'service.b@1': 'ready', 'service.c@1': 'ready' });
    stage.stop.abort(new Error('enough'));
    await expect(stage.place.run(done)).rejects.toThrow('enough');
  });

  it('looks at once at what has only just begun to wait, though something else is slow', async () => {
    stage.world.delay('service.slow', Infinity);
    const { done } = await stage.begin(specOf({ slow: {}, quick: { ...EXPOSED, needs: ['first'] }, first: {} }));
    // No time has passed: nobody had to wait for the next look.
    expect(stage.statuses()).toMatchObject({ 'registration.quick@1': 'ready', 'service.slow@1': 'booting' });
    stage.world.ready('service.slow');
    await stage.place.run(done);
  });

  it('does not ask more often for more instances', async () => {
    const looks = async (replicas: number) => {
      const one = new Stage();
      one.world.delay('service.web', 5);
      await one.converge(specOf({ web: { replicas } }));
      return one.world.calls.filter((call) => call === 'observe').length;
    };
    expect(await looks(50)).toBe(await looks(1));
  });
});

describe('a changed spec', () => {
  beforeEach(async () => {
    await stage.converge(shop());
    stage.moves();
  });

  it('that says the same changes nothing', async () => {
    await stage.converge(shop());
    expect(stage.moves()).toEqual([]);
  });

  it('replaces what stands behind a route side by side: the new one is registered before the old one goes', async () => {
    await stage.converge(shop({ web: { ...SHOP['web'], env: { DB: '${services.db.address}', LEVEL: 'debug' } } }));
    const moves = stage.moves();
    expect(moves).toEqual(['create service.web@2', 'create registration.web@2', 'release registration.web@1', 'release service.web@1']);
    expect(Object.keys(stage.statuses()).toSorted()).toEqual(Object.keys(stage.serials()).toSorted());
  });

  it('tells the route what stands behind it now when the new one serves, before that is registered, and once', async () => {
    const health = (unhealthyAfter: number) => shop({ web: { ...SHOP['web'], health: { ...HEALTH, unhealthyAfter } } });
    await stage.converge(health(7));
    const moves = stage.moves();
    before(moves, 'create service.web@2', 'create route.web@1');
    before(moves, 'create route.web@1', 'create registration.web@2');
    before(moves, 'create registration.web@2', 'release registration.web@1');
    expect(stage.world.one('route.web').desire).toMatchObject({ behind: { health: { unhealthyAfter: 7 } } });
    await stage.converge(health(7));
    expect(stage.moves()).toEqual([]);
    // Also back to what it was, while the old generation still stands: the record says what it was told last.
    stage.world.ail('service.web@3', { class: 'unhealthy', message: 'it does not answer' });
    await expect(stage.converge(health(9))).rejects.toThrow('does not answer');
    expect(stage.world.one('route.web').desire).toMatchObject({ behind: { health: { unhealthyAfter: 7 } } });
  });

  it('goes on with a route that was not told yet what stands behind it', async () => {
    const changed = shop({ web: { ...SHOP['web'], health: { ...HEALTH, unhealthyAfter: 7 } } });
    stage.world.fail('create', new Fault('invalid', 'no', 'no'), { of: 'route.web' });
    await expect(stage.converge(changed)).rejects.toThrow('route.web@1: no');
    await stage.converge(changed);
    expect(stage.world.one('route.web').desire).toMatchObject({ behind: { health: { unhealthyAfter: 7 } } });
    expect(Object.values(stage.statuses()).every((status) => status === 'ready')).toBe(true);
  });

  it('takes away what has one writer before it makes it anew, and keeps its volume', async () => {
    const data = stage.serials()['volume.data@1'];
    await stage.converge(shop({ db: { ...SHOP['db'], env: { LEVEL: 'debug' } } }));
    const moves = stage.moves();
    before(moves, 'release service.db@1', 'create service.db@2');
    expect(stage.serials()['volume.data@1']).toEqual(data);
    // Its address is another now, so who was given the old one is replaced.
    before(moves, 'create service.db@2', 'create service.web@2');
    before(moves, 'create registration.web@2', 'release service.web@1');
    const [db] = stage.world.at('service.db').map(({ key }) => key);
    expect(db).toBe('service.db@2');
    const { endpoints } =
      Object.values(stage.record.resources).flatMap((one) => (one.status === 'ready' && one.key === db ? [one] : []))[0] ??
      expect.fail('no db');
    expect(stage.world.one('service.web').env['DB']).toBe(`127.0.0.1:${endpoints[0]?.port}`);
  });

  it('leaves dependents alone where the address stays, and still releases them first', async () => {
    const fixed = (env = {}) => specOf({ db: { port: 5432, env }, web: { needs: ['db'], env: { DB: '${services.db.address}' } } });
    const one = new Stage();
    await one.converge(fixed());
    const { 'service.web@1': web } = one.serials();
    await one.converge(fixed({ LEVEL: 'debug' }));
    expect(one.serials()).toMatchObject({ 'service.web@1': web });
    expect(one.serials()).toHaveProperty('service.db@2');
    one.moves();
    await one.dissolve();
    before(one.moves(), 'release service.web@1', 'release service.db@2');
  });

  it('scales up and down without touching what stays', async () => {
    const [first, second] = stage.serials()['service.web@1'] ?? [];
    const others = Object.entries(stage.serials()).filter(([key]) => key !== 'service.web@1');
    await stage.converge(shop({ web: { ...SHOP['web'], replicas: 4 } }));
    expect(stage.moves()).toEqual(['create service.web@1']);
    expect(stage.serials()['service.web@1']).toEqual([first, second, expect.any(Number), expect.any(Number)]);
    await stage.converge(shop({ web: { ...SHOP['web'], replicas: 1 } }));
    expect(stage.serials()['service.web@1']).toEqual([first]);
    expect(Object.entries(stage.serials()).filter(([key]) => key !== 'service.web@1')).toEqual(others);
  });

  it('deletes what the spec has no more, dependents first, and makes what is new', async () => {
    await stage.converge(specOf({ job: {} }));
    const moves = stage.moves();
    expect(Object.keys(stage.statuses()).toSorted()).toEqual(['keeper.keeper@1', 'service.job@1']);
    before(moves, 'release registration.web@1', 'release service.web@1');
    before(moves, 'release service.web@1', 'release service.db@1');
    before(moves, 'release service.db@1', 'release volume.data@1');
  });

  it('refuses to replace a volume that holds data', async () => {
    const [refusal] = (await stage.decide({ ...shop(), volumes: { data: { from: 'folder', path: '/data' } } })).filter(
      ({ action }) => action === 'refuse',
    );
    expect(refusal?.address).toBe('volume.data');
  });

  it('goes back to what still stands, without giving anybody the address of what goes', async () => {
    const changed = shop({ web: { ...SHOP['web'], env: { NEW: '1' } } });
    stage.world.hang('create', { of: 'registration.web@2' });
    const { done } = await stage.begin(changed);
    await stage.clock.advance(1_000);
    expect(stage.statuses()).toMatchObject({ 'service.web@1': 'ready', 'service.web@2': 'ready' });
    stage.stop.abort(new Error('enough'));
    await expect(stage.place.run(done)).rejects.toThrow('enough');

    const next = new Stage(stage.place);
    await (await stage.work()).session.close();
    const watcher = { needs: ['web'], env: { ALL: '${services.web.addresses}' } };
    const olds = stage.world.one('service.web@1');
    await next.converge(shop({ watcher }));
    expect(next.statuses()).not.toHaveProperty('service.web@2');
    expect(next.serials()['service.web@1']).toEqual(olds.instances);
    expect(await next.actions(shop({ watcher }))).toMatchObject({ 'service.watcher': 'keep' });
  });
});

describe('what is known', () => {
  it('keeps an interval for every price and count that there was', async () => {
    stage.price = ({ kind }) => (kind === 'service' ? 3_600_000 : 0);
    await stage.converge(specOf({ web: { replicas: 1 } }));
    await stage.clock.advance(1_000);
    const scaledAt = stage.clock.now();
    await stage.converge(specOf({ web: { replicas: 3 } }));
    const [first] = stage.record.spent.filter(({ service }) => service === 'web');
    expect(first).toMatchObject({ instances: 1, hourly: 3_600_000, to: scaledAt });
    expect(stage.record.resources['service.web@1']).toMatchObject({ count: 3, hourly: 3 * 3_600_000, requestedAt: scaledAt });
    expect(costOfIntervals(stage.record.spent)).toBe(scaledAt - (first?.from ?? 0));
  });

  it('takes a new price on without touching what runs', async () => {
    stage.price = () => 1;
    await stage.converge(specOf({ web: {} }));
    stage.moves();
    await stage.clock.advance(1_000);
    stage.price = () => 2;
    await stage.converge(specOf({ web: {} }));
    expect(stage.moves()).toEqual([]);
    expect(stage.record.resources['service.web@1']).toMatchObject({ status: 'ready', hourly: 2 });
    expect(stage.record.spent.map(({ hourly }) => hourly)).toEqual([1, 1]);
  });

  it('has the intent on disk before every creating call, with the token that the call carries', async () => {
    const early: string[] = [];
    stage.world.during(
      'create',
      async () => {
        const stored = (await stage.place.store.list()).records[0]?.record;
        early.push(
          ...Object.values(stored?.resources ?? {}).flatMap((one) => (one.status === 'creating' ? [`${one.key} ${one.token}`] : [])),
        );
      },
      { times: Infinity },
    );
    await stage.converge(shop());
    for (const { key, token } of stage.world.at()) expect(early).toContain(`${key} ${token}`);
  });

  it('puts the ownership tags into every creating call', async () => {
    await stage.converge(shop());
    for (const { key, tags, spin } of stage.world.at()) {
      expect(tags).toMatchObject({ 'spin:id': 'shop', 'spin:incarnation': spin.incarnation, 'spin:resource': key, 'spin:state': 'state' });
    }
  });

  it('has a deadline for everything that it waits for', async () => {
    stage.world.delay('service.web', Infinity);
    const began = stage.clock.now();
    await expect(stage.converge(specOf({ web: {} }))).rejects.toMatchObject({ key: 'service.web@1', fault: { class: 'timeout' } });
    // The health deadline of the spec is a minute.
    expect(stage.clock.now() - began).toBeGreaterThanOrEqual(60_000);
    expect(stage.clock.now() - began).toBeLessThan(100_000);
    expect(stage.statuses()).toMatchObject({ 'service.web@1': 'failed' });
  });

  it('waits for who registers instances as long as their health is checked there', async () => {
    const health = { ...HEALTH, intervalMs: 120_000, timeoutMs: 5_000, healthyAfter: 2 };
    // Looks, four a second.
    stage.world.delay('registration.web', 1_200);
    await stage.converge(specOf({ web: { ...EXPOSED, health }, plain: EXPOSED }));
    expect(stage.statuses()).toMatchObject({ 'registration.web@1': 'ready' });
    stage.world.delay('registration.other', Infinity);
    const began = stage.clock.now();
    const other = stage.converge(specOf({ web: { ...EXPOSED, health }, plain: EXPOSED, other: EXPOSED }));
    await expect(other).rejects.toMatchObject({ key: 'registration.other@1', fault: { class: 'timeout' } });
    expect(stage.clock.now() - began).toBeLessThan(100_000);
  });

  it('gives a job as long as the spin lives', async () => {
    stage.world.delay('service.job', Infinity);
    const { done } = await stage.begin(specOf({ job: { job: true } }));
    await stage.clock.advance(HOUR / 20);
    expect(stage.statuses()).toMatchObject({ 'service.job@1': 'booting' });
    stage.world.ready('service.job');
    await stage.place.run(done);
    expect(stage.statuses()).toMatchObject({ 'service.job@1': 'ready' });
  });
});
