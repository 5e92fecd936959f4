import { expect, it } from 'vitest';
import { inFlight } from '../../../src/store/s3/in-flight.ts';

const pages = [[1, 2, 3], [], [4, 5]];

it('does the work for every item of every page, once', async () => {
  const done: number[] = [];
  await inFlight(pages, async (item) => void done.push(item));
  expect(done.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
});

it('begins nothing new after a failure, and tells it when all that was under way has ended', async () => {
  const many = Array.from({ length: 1_000 }, (_, n) => n);
  let [begun, ended] = [0, 0];
  const work = async (item: number): Promise<void> => {
    begun++;
    await new Promise((resolve) => setImmediate(resolve));
    ended++;
    if (item === 3) throw new Error('three');
  };
  await expect(inFlight([many], work)).rejects.toThrow('three');
  expect(begun).toBeLessThan(200);
  expect(ended).toBe(begun);
});

it('fails as the pages do', async () => {
  async function* broken(): AsyncGenerator<readonly number[]> {
    yield [1];
    throw new Error('no second page');
  }
  await expect(inFlight(broken(), async () => {})).rejects.toThrow('no second page');
});
