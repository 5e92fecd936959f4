import { describe, expect, test } from 'vitest';
import type { Call } from '../../../src/providers/provider.ts';
import { Together } from '../../../src/providers/aws/together.ts';
import { ManualClock } from '../../fakes/clock.ts';

interface Row {
  readonly key: string;
}

const call = (signal: AbortSignal = new AbortController().signal): Call => ({ clock: new ManualClock(), signal, emit: () => undefined });

function asker(most = 200) {
  const asked: { readonly keys: readonly string[]; readonly signal: AbortSignal; readonly answer: (failure?: unknown) => void }[] = [];
  const together = new Together<Row>({
    ask: (keys, { signal }) =>
      new Promise((resolve, reject) => {
        const answer = (failure?: unknown) => (failure === undefined ? resolve(keys.map((key) => ({ key }))) : reject(failure));
        asked.push({ keys, signal, answer });
      }),
    keyOf: ({ key }) => key,
    most,
  });
  return { asked, together };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('asking together', () => {
  test('is one question for all who want to know at one time, and each gets its own rows', async () => {
    const { asked, together } = asker();
    const answers = ['a', 'b', 'a'].map((key) => together.of([key], call()));
    await turn();
    expect(asked.map(({ keys }) => keys)).toEqual([['a', 'b']]);
    asked[0]?.answer();
    expect(await Promise.all(answers)).toEqual([[{ key: 'a' }], [{ key: 'b' }], [{ key: 'a' }]]);
  });

  test('gives nobody an answer that is older than its question', async () => {
    const { asked, together } = asker();
    const first = together.of(['a'], call());
    await turn();
    const second = together.of(['a'], call());
    await turn();
    expect(asked).toHaveLength(1);
    asked[0]?.answer();
    await first;
    await turn();
    expect(asked).toHaveLength(2);
    asked[1]?.answer();
    expect(await second).toEqual([{ key: 'a' }]);
  });

  test('has no more keys in a question than there is room for, unless one asker has', async () => {
    const { asked, together } = asker(2);
    const answers = [['a', 'b', 'c'], ['d'], ['e'], ['f']].map((keys) => together.of(keys, call()));
    for (let round = 0; round < 3; round++) {
      await turn();
      asked[round]?.answer();
      await turn();
    }
    expect(asked.map(({ keys }) => keys)).toEqual([['a', 'b', 'c'], ['d', 'e'], ['f']]);
    expect(await Promise.all(answers)).toHaveLength(4);
  });

  test('one who leaves does not take the answer from the others; when all have left, the question is given up', async () => {
    const { asked, together } = asker();
    const [one, two] = [new AbortController(), new AbortController()];
    const first = together.of(['a'], call(one.signal));
    const second = together.of(['a'], call(two.signal));
    await turn();
    one.abort('enough');
    await expect(first).rejects.toBe('enough');
    expect(asked[0]?.signal.aborted).toBe(false);
    two.abort('me too');
    await expect(second).rejects.toBe('me too');
    expect(asked[0]?.signal.aborted).toBe(true);
  });

  test('tells everybody who asked what went wrong, and asks again for the next', async () => {
    const { asked, together } = asker();
    const failure = new RangeError('no');
    const answers = [together.of(['a'], call()), together.of(['b'], call())];
    const settled = Promise.allSettled(answers);
    await turn();
    asked[0]?.answer(failure);
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const next = together.of(['a'], call());
    await turn();
    asked[1]?.answer();
    expect(await next).toEqual([{ key: 'a' }]);
  });
});
