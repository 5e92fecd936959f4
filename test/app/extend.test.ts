import { beforeEach, expect, it } from 'vitest';
import { down } from '../../src/app/down.ts';
import { extend, type ExtendRequest } from '../../src/app/extend.ts';
import { up } from '../../src/app/up.ts';
import { Fault } from '../../src/providers/fault.ts';
import { appFor, Place, type Setup } from './world.ts';

const SPEC = 'name: shop\nttl: 4h\nservices: { web: { run: web } }\n';
const HOUR = 3_600_000;

let place: Place;
let createdAt: number;
beforeEach(async () => {
  place = new Place();
  await place.run(up(appFor(place, { spec: SPEC, price: () => HOUR }), { file: '-', onFailure: 'keep' }));
  createdAt = (await record()).createdAt;
});

const record = async () => (await place.store.list()).records[0]?.record ?? expect.fail();
const move = (request: Partial<ExtendRequest>, setup: Setup = {}) => place.run(extend(appFor(place, setup), { id: 'shop', ...request }));

it('moves the deadline in the record and at what enforces it', async () => {
  const outcome = await move({ by: '2h' });
  expect((await record()).deadline).toBe(createdAt + 6 * HOUR);
  expect([...place.world.deadlines.values()]).toEqual([createdAt + 6 * HOUR]);
  expect(outcome).toMatchObject({ enforcers: [{ armed: true }], untilDeadline: outcome.msLeft });
  expect(place.events.at(-1)?.type).toBe('spin.extended');
});

it('sets it to a time from now, which may be sooner', async () => {
  await place.clock.advance(HOUR);
  const now = place.clock.now();
  await move({ ttl: '10m' });
  expect((await record()).deadline).toBe(now + 600_000);
});

it('counts from now where the deadline has passed', async () => {
  await place.clock.advance(5 * HOUR);
  const now = place.clock.now();
  await move({ by: '1h' });
  expect((await record()).deadline).toBe(now + HOUR);
});

it('survives a later up of the same spec', async () => {
  await move({ by: '2h' });
  expect(await place.run(up(appFor(place, { spec: SPEC }), { file: '-', onFailure: 'keep' }))).toMatchObject({ result: 'unchanged' });
  expect((await record()).deadline).toBe(createdAt + 6 * HOUR);
});

it('says that a down took the spin away, where that is why there is nothing to be moved', async () => {
  place.world.during('enforce', async () => {
    await place.run(down(appFor(place, { answer: true }), { ids: ['shop'] }));
    throw new Fault('not-found', 'spin-gone', 'there is no such folder');
  });
  await expect(move({ by: '1h' })).rejects.toMatchObject({ code: 'lease-lost', exit: 4 });
});

it('keeps to the limit of the config', async () => {
  await expect(move({ by: '9h' }, { settings: { limits: { maxTtlMs: 12 * HOUR } } })).rejects.toMatchObject({ code: 'limit-exceeded' });
  expect((await record()).deadline).toBe(createdAt + 4 * HOUR);
});

it('keeps to what the spin may cost in total', async () => {
  await expect(move({ by: '2h' }, { settings: { limits: { maxTotal: 5 * HOUR } } })).rejects.toMatchObject({ code: 'limit-exceeded' });
  expect((await record()).deadline).toBe(createdAt + 4 * HOUR);
  await move({ by: '1h' }, { settings: { limits: { maxTotal: 5 * HOUR } } });
  expect((await record()).deadline).toBe(createdAt + 5 * HOUR);
});

it.each<[string, Partial<ExtendRequest>]>([
  ['neither', {}],
  ['both', { by: '1h', ttl: '1h' }],
  ['no duration', { by: 'soon' }],
])('is a usage error with %s', async (_what, request) => {
  await expect(move(request)).rejects.toMatchObject({ code: 'usage' });
  expect((await place.store.list()).records[0]?.lease).toBeUndefined();
});

it('does not extend what is being taken down, or is not there', async () => {
  const { version, fence } = (await place.store.list()).records[0] ?? expect.fail();
  await place.store.write(version, { record: { ...(await record()), desired: 'down' }, lease: undefined, fence });
  await expect(move({ by: '1h' })).rejects.toMatchObject({ code: 'change-refused' });
  await expect(move({ id: 'nobody', by: '1h' })).rejects.toMatchObject({ code: 'spin-not-found' });
});
