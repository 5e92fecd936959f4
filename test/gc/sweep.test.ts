import { expect, it } from 'vitest';
import { InternalError, SpinError } from '../../src/core/errors.ts';
import { type SweepActions, sweep } from '../../src/gc/sweep.ts';
import type { Verdict } from '../../src/gc/verdict.ts';
import { incarnation } from '../cost/records.ts';
import { found } from './survey.ts';

const verdict = (subject: string, over: Partial<Verdict> = {}): Verdict => ({
  subject,
  id: subject,
  incarnation: incarnation(0),
  verdict: 'release',
  reason: 'expired 1h ago',
  found: [],
  ...over,
});

function actions(over: Partial<SweepActions> = {}): SweepActions {
  return {
    release: async () => true,
    forget: async () => true,
    reclaim: async () => true,
    mark: async () => undefined,
    recheck: async (one) => one,
    ...over,
  };
}

it('carries out what asks for deletion, and nothing else', async () => {
  const done: unknown[] = [];
  const rows = await sweep(
    [
      verdict('a'),
      verdict('b', { verdict: 'keep' }),
      verdict('c', { verdict: 'wait' }),
      verdict('d', { verdict: 'heal' }),
      verdict('e', { verdict: 'reclaim', found: [found()] }),
    ],
    actions({ release: async (id, life) => done.push([id, life]) > 0, reclaim: async (things) => done.push(things) > 0 }),
  );
  expect(done).toEqual([['a', incarnation(0)], [found()]]);
  expect(rows).toEqual([
    { subject: 'a', result: 'released', detail: 'expired 1h ago' },
    { subject: 'e', result: 'reclaimed', detail: 'expired 1h ago' },
  ]);
});

it('forgets what another state location owns, and releases nothing of it', async () => {
  const forgotten: unknown[] = [];
  const rows = await sweep(
    [verdict('a', { verdict: 'forget', reason: 'another owns it' }), verdict('b', { verdict: 'forget' })],
    actions({
      release: () => Promise.reject(new InternalError('must not be called')),
      forget: async (id) => forgotten.push(id) === 1,
    }),
  );
  expect(forgotten).toEqual(['a', 'b']);
  expect(rows).toEqual([
    { subject: 'a', result: 'forgotten', detail: 'another owns it' },
    { subject: 'b', result: 'skipped', detail: 'gone already, or live again' },
  ]);
});

it('asks again right before it deletes, and leaves alone what changed meanwhile', async () => {
  const rows = await sweep(
    [verdict('extended'), verdict('reborn'), verdict('orphan', { verdict: 'reclaim', found: [found()] })],
    actions({
      release: () => Promise.reject(new InternalError('must not be called')),
      reclaim: async (things) => things.length === 2,
      recheck: async (one) => {
        if (one.subject === 'extended') return { ...one, verdict: 'keep', reason: '2h left' };
        if (one.subject === 'reborn') return { ...one, incarnation: incarnation(1), reason: 'expired 1s ago' };
        return { ...one, found: [found(), found({ what: 'process 2' })] };
      },
    }),
  );
  expect(rows.map(({ result, detail }) => [result, detail])).toEqual([
    ['skipped', '2h left'],
    ['skipped', 'expired 1s ago'],
    ['reclaimed', 'expired 1h ago'],
  ]);
});

it('goes on after a failure, and leaves to another what another works on', async () => {
  const rows = await sweep(
    ['a', 'b', 'c', 'd', 'e'].map((subject) => verdict(subject)),
    actions({
      recheck: async (one) => {
        if (one.subject === 'd') throw new SpinError('record-damaged', 'the record of d is damaged');
        return one;
      },
      release: async (id) => {
        if (id === 'a') throw new SpinError('release-failed', 'process 1 is still there');
        if (id === 'b') throw new SpinError('lease-held', 'another sweep holds the lease on b');
        return id !== 'c';
      },
    }),
  );
  expect(rows).toEqual([
    { subject: 'a', result: 'failed', detail: 'process 1 is still there' },
    { subject: 'b', result: 'skipped', detail: 'another sweep holds the lease on b' },
    { subject: 'c', result: 'skipped', detail: 'gone already, or live again' },
    { subject: 'd', result: 'failed', detail: 'the record of d is damaged' },
    { subject: 'e', result: 'released', detail: 'expired 1h ago' },
  ]);
});

it('works on sixteen at a time', async () => {
  let at = 0;
  let most = 0;
  const release = async (): Promise<boolean> => {
    most = Math.max(most, ++at);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    at -= 1;
    return true;
  };
  const rows = await sweep(
    Array.from({ length: 20 }, (_, n) => verdict(`spin-${n}`)),
    actions({ release }),
  );
  expect(most).toBe(16);
  expect(rows.map(({ subject }) => subject)).toEqual(Array.from({ length: 20 }, (_, n) => `spin-${n}`));
});

it('begins nothing new once it is interrupted, and says what it did', async () => {
  const stop = new AbortController();
  const release = async (): Promise<boolean> => {
    stop.abort();
    return true;
  };
  const rows = await sweep([verdict('a'), verdict('b'), verdict('c')], actions({ release }), { concurrency: 1, signal: stop.signal });
  expect(rows.map(({ subject, result, detail }) => [subject, result, detail])).toEqual([
    ['a', 'released', 'expired 1h ago'],
    ['b', 'skipped', 'interrupted'],
    ['c', 'skipped', 'interrupted'],
  ]);
});
