import { expect, it } from 'vitest';
import { usd } from '../../../src/core/money.ts';
import { billed } from '../../../src/providers/aws/price/billed.ts';
import { describeWithMoto } from '../../fakes/moto/suite.ts';
import { dataWorld } from './data-world.ts';

describeWithMoto('the bill, against moto', (moto) => {
  /** What Cost Explorer answers next, one page each. */
  async function queue(...results: readonly object[]): Promise<void> {
    const answer = await fetch(`${moto().moto.url}/moto-api/static/ce/cost-and-usage-results`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ results }),
    });
    expect(answer.status).toBe(201);
  }

  const group = (id: string, Amount: string, Unit = 'USD') => ({ Keys: [`spin:id$${id}`], Metrics: { UnblendedCost: { Amount, Unit } } });
  const month = (Start: string, End: string, Estimated: boolean, ...Groups: readonly object[]) => ({
    TimePeriod: { Start, End },
    Estimated,
    Groups,
  });

  it('is told by spin, over months and pages, with what asking cost', async () => {
    const { cloud, call } = dataWorld({ url: moto().proxy.url });
    const october = month('2026-10-20', '2026-11-01', false, group('web', '1.25'), group('', '100'));
    await queue(
      { ResultsByTime: [october], NextPageToken: 'more' },
      { ResultsByTime: [month('2026-11-01', '2026-11-24', true, group('web', '0.5'), group('api', '0.0000000125'), group('', '11.5'))] },
    );
    const bill = await billed(cloud, Date.UTC(2026, 9, 20, 13), Date.UTC(2026, 10, 23, 9), call);
    expect(bill).toEqual({
      rows: [
        { id: 'web', cost: usd(1.75), estimated: true },
        { id: '', cost: usd(111.5), estimated: true },
        { id: 'api', cost: 13, estimated: true },
      ],
      from: '2026-10-20',
      to: '2026-11-24',
      age: 'Cost Explorer is up to 24 hours behind',
      queryCost: usd(0.02),
    });
  });

  it('is refused in another currency than spin counts in', async () => {
    const { cloud, call } = dataWorld({ url: moto().proxy.url });
    await queue({ ResultsByTime: [month('2026-11-01', '2026-11-02', false, group('web', '7', 'CNY'))] });
    await expect(billed(cloud, Date.UTC(2026, 10, 1), Date.UTC(2026, 10, 1), call)).rejects.toMatchObject({ class: 'other-currency' });
  });
});
