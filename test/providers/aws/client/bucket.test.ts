import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Bucket, type Slot } from '../../../../src/providers/aws/client/bucket.ts';
import { tollsOf } from '../../../../src/providers/aws/client/rates.ts';

const START = Date.UTC(2026, 0, 1);
const RATE = { size: 5, perSecond: 2 };

describe('a bucket', () => {
  test('lets as many through as it holds, and then one whenever a token comes back', () => {
    const bucket = new Bucket(RATE);
    const waits = Array.from({ length: 9 }, (_, i) => bucket.take(String(i), 1, START).at - START);
    expect(waits).toEqual([0, 0, 0, 0, 0, 500, 1_000, 1_500, 2_000]);
  });

  test('is full again after a rest, and never more than full', () => {
    const bucket = new Bucket(RATE);
    for (let i = 0; i < 5; i++) bucket.take(String(i), 1, START);
    const later = START + 3_600_000;
    const waits = Array.from({ length: 6 }, (_, i) => bucket.take(`b${i}`, 1, later).at - later);
    expect(waits).toEqual([0, 0, 0, 0, 0, 500]);
  });

  test('gives a large take all of its tokens at once, and makes those behind it wait', () => {
    const bucket = new Bucket({ size: 1_000, perSecond: 2 });
    expect(bucket.take('a', 600, START).at).toBe(START);
    expect(bucket.take('b', 500, START).at).toBe(START + 50_000);
    expect(bucket.take('c', 1, START).at).toBe(START + 50_500);
  });

  test('counts a take of more than it ever holds as all that it holds', () => {
    expect(new Bucket(RATE).take('a', 1_000, START).at).toBe(START);
  });

  test('keeps a spare for those who come early, once there is a queue', () => {
    const bucket = new Bucket({ ...RATE, spare: 2 });
    const waits = Array.from({ length: 7 }, (_, i) => bucket.take(String(i), 1, START).at - START);
    expect(waits).toEqual([0, 0, 0, 0, 0, 1_500, 2_000]);
  });

  test('hands a turn that was given back to who comes next, and nobody else moves', () => {
    const bucket = new Bucket({ size: 1, perSecond: 1 });
    const [, second, third] = ['a', 'b', 'c'].map((id) => bucket.take(id, 1, START));
    bucket.giveBack('b', START + 10);
    expect(bucket.take('d', 1, START + 20).at).toBe(second?.at);
    expect(bucket.take('e', 1, START + 30).at).toBe((third?.at ?? 0) + 1_000);
  });

  test('keeps the tokens of a turn that was given back and that nobody took', () => {
    const bucket = new Bucket({ size: 2, perSecond: 1 });
    for (const id of ['a', 'b', 'c', 'd']) bucket.take(id, 1, START);
    bucket.giveBack('c', START);
    bucket.giveBack('d', START);
    expect(bucket.take('e', 1, START + 2_000).at).toBe(START + 2_000);
    expect(bucket.take('f', 1, START + 2_000).at).toBe(START + 2_000);
  });

  test('is empty and refills half as fast after a throttling, and recovers in the end', () => {
    const bucket = new Bucket({ size: 10, perSecond: 10 });
    bucket.throttled(START);
    expect(bucket.take('a', 1, START).at - START).toBe(200);
    expect(bucket.take('b', 1, START).at - START).toBe(400);
    const later = START + 40_000;
    const waits = Array.from({ length: 11 }, (_, i) => bucket.take(`c${i}`, 1, later).at - later);
    expect(waits.at(-1)).toBe(100);
  });

  test('takes the answers of requests that were under way together for one throttling, and halves again for a later one', () => {
    const bucket = new Bucket({ size: 10, perSecond: 10 });
    for (let i = 0; i < 40; i++) bucket.throttled(START + i * 10);
    expect(bucket.take('a', 1, START + 400).at - START).toBe(400);
    bucket.throttled(START + 2_000);
    expect(bucket.take('b', 1, START + 2_000).at - START).toBe(2_400);
  });

  test('is not stuck after the clock was set back by hours', () => {
    const bucket = new Bucket(RATE);
    bucket.take('a', 1, START + 86_400_000);
    expect(bucket.take('b', 1, START).at - START).toBeLessThanOrEqual(500);
    expect(bucket.take('c', 1, START + 10_000).at).toBe(START + 10_000);
  });

  test('never gives more than it holds plus what comes back, in any stretch of time, whatever happens', () => {
    const step = fc.record({
      after: fc.nat({ max: 2_000 }),
      what: fc.oneof(
        { weight: 8, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 6 }) }) },
        { weight: 2, arbitrary: fc.record({ back: fc.nat({ max: 20 }) }) },
        { weight: 1, arbitrary: fc.constant({ throttled: true as const }) },
      ),
      write: fc.boolean(),
    });
    const rate = fc.record({ size: fc.integer({ min: 1, max: 20 }), perSecond: fc.constantFrom(1, 2, 5, 20) });
    fc.assert(
      fc.property(rate, fc.array(step, { maxLength: 60 }), (rate, steps) => {
        let bucket = new Bucket(rate);
        const used = new Map<string, Slot>();
        let now = START;
        for (const [i, { after, what, write }] of steps.entries()) {
          now += after;
          if (write) bucket = new Bucket(rate, JSON.parse(JSON.stringify(bucket.state())));
          if ('take' in what) used.set(`s${i}`, bucket.take(`s${i}`, what.take, now));
          else if ('throttled' in what) bucket.throttled(now);
          else {
            const slot = [...used.values()].filter(({ at }) => at > now)[what.back];
            if (slot === undefined) continue;
            bucket.giveBack(slot.id, now);
            used.delete(slot.id);
          }
        }
        expect(excess([...used.values()], rate)).toBeLessThanOrEqual(1e-6);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the tolls', () => {
  test('count a launch as a request and as its instances, and leave a little of every bucket unspent', () => {
    expect(tollsOf('EC2', 'RunInstances', 50)).toEqual([
      { bucket: 'ec2-run', rate: { size: 4, perSecond: 2, spare: 2 }, tokens: 1 },
      { bucket: 'ec2-run-instances', rate: { size: 999, perSecond: 2, spare: 2 }, tokens: 50 },
    ]);
    expect(tollsOf('EC2', 'DescribeInstances')).toEqual([
      { bucket: 'ec2-describeinstances', rate: { size: 95, perSecond: 20, spare: 2 }, tokens: 1 },
    ]);
    expect(tollsOf('EC2', 'CreateSecurityGroup')[0]?.bucket).toBe('ec2-createsecuritygroup');
    expect(tollsOf('Elastic Load Balancing v2', 'DescribeRules')[0]?.bucket).toBe('elastic-load-balancing-v2-read');
    expect(tollsOf('S3', 'PutObject')).toEqual([]);
  });
});

/** By how many tokens the slots go beyond the rate, in the worst stretch of time. */
function excess(slots: readonly Slot[], { size, perSecond }: { readonly size: number; readonly perSecond: number }): number {
  const byTime = slots.toSorted((a, b) => a.at - b.at);
  let worst = 0;
  for (const [i, first] of byTime.entries()) {
    let given = 0;
    for (const { at, tokens } of byTime.slice(i)) {
      given += tokens;
      worst = Math.max(worst, given - size - ((at - first.at) * perSecond) / 1_000);
    }
  }
  return worst;
}
