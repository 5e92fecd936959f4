import { describe, expect, it } from 'vitest';
import { cost } from '../../src/app/cost.ts';
import { usd } from '../../src/core/money.ts';
import { Fault } from '../../src/providers/fault.ts';
import type { BilledCost, Provider } from '../../src/providers/provider.ts';
import { createFakeProvider } from '../fakes/provider.ts';
import { record, resource } from '../cost/records.ts';
import { appFor, Place } from './world.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 23, 12);

/** A place at noon of 23 November, with one spin that has cost a dollar an hour for ten hours. */
async function placeWithSpin(): Promise<Place> {
  const place = new Place();
  await place.clock.advance(NOW - place.clock.now());
  const begun = NOW - 10 * 3_600_000;
  const web = { ...record({ id: 'web', resources: [resource({ hourly: usd(1) })] }), createdAt: begun, deadline: NOW + DAY };
  const resources = Object.fromEntries(
    Object.entries(web.resources).map(([key, one]) => [key, { ...one, requestedAt: begun, since: begun }]),
  );
  await place.store.write(undefined, { record: { ...web, resources }, lease: undefined, fence: 0 });
  return place;
}

function billing(place: Place, bill: Partial<BilledCost> | Fault): { provider: Provider; asked: [number, number][] } {
  const asked: [number, number][] = [];
  const answer = { rows: [], from: '2026-10-24', to: '2026-11-24', age: 'a day old', queryCost: usd(0.01) };
  const billed: Provider['billed'] = (from, to) => {
    asked.push([from, to]);
    return bill instanceof Fault ? Promise.reject(bill) : Promise.resolve({ ...answer, ...bill });
  };
  return { provider: { ...createFakeProvider(place.world), bills: true, billed }, asked };
}

describe('cost --billed', () => {
  it('asks the user before it asks the cloud, and puts estimate and bill side by side', async () => {
    const place = await placeWithSpin();
    const { provider, asked } = billing(place, {
      rows: [
        { id: 'web', cost: usd(9), estimated: true },
        { id: '', cost: usd(70), estimated: true },
      ],
    });
    const outcome = await cost(appFor(place, { provider, answer: true }), { billed: true });
    expect(place.questions).toMatchObject([{ text: expect.stringContaining('0.01 USD') }]);
    expect(asked).toEqual([[NOW - 30 * DAY, NOW]]);
    expect(outcome.billed).toMatchObject({
      rows: [{ id: 'web', estimate: usd(10), billed: usd(9), provisional: true, known: true }],
      untagged: usd(70),
      queryCost: usd(0.01),
    });
    expect(outcome.rows).toHaveLength(1);
  });

  it('asks for the time and the spins that it was asked about', async () => {
    const place = await placeWithSpin();
    const { provider, asked } = billing(place, { rows: [{ id: 'theirs', cost: usd(9), estimated: false }] });
    const outcome = await cost(appFor(place, { provider, answer: true }), { billed: true, since: '2d', id: 'web' });
    expect(asked).toEqual([[NOW - 2 * DAY, NOW]]);
    expect(place.questions).toMatchObject([{ text: expect.stringContaining('the bill of 2026-11-21 to 2026-11-23?') }]);
    expect(outcome.billed?.rows.map(({ id }) => id)).toEqual(['web']);
  });

  it('asks for nothing where the user says no, or is not there', async () => {
    const place = await placeWithSpin();
    const { provider, asked } = billing(place, {});
    await expect(cost(appFor(place, { provider, answer: false }), { billed: true })).rejects.toMatchObject({ code: 'declined' });
    await expect(cost(appFor(place, { provider }), { billed: true })).rejects.toMatchObject({ code: 'confirmation-needed' });
    expect(asked).toEqual([]);
  });

  it('tells why there is no bill', async () => {
    const place = await placeWithSpin();
    const denied = billing(place, new Fault('denied', 'AccessDenied', 'you may not see it'));
    const refused = cost(appFor(place, { provider: denied.provider, answer: true }), { billed: true });
    await expect(refused).rejects.toMatchObject({ code: 'provider-failed', message: expect.stringContaining('you may not see it') });
    expect(place.questions).toHaveLength(1);
    await expect(cost(appFor(place, { answer: true }), { billed: true })).rejects.toMatchObject({
      code: 'provider-failed',
      message: 'nobody sends a bill for fake',
      hint: 'spin cost',
    });
    // Where there is nobody to ask, the user is not asked either.
    expect(place.questions).toHaveLength(1);
    await expect(cost(appFor(place, { answer: true }), { billed: true, by: 'owner' })).rejects.toMatchObject({ code: 'usage' });
  });
});
