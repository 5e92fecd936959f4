import { expect, test } from 'vitest';
import type { KeeperStatus } from '../../../src/providers/local/control.ts';
import { Told } from '../../../src/providers/local/told.ts';

const at = (version: number): KeeperStatus => ({ pid: 1, version, deadline: 0, resources: {} });

test('the answer to a wait is good once, for the look that follows at once', () => {
  const told = new Told();
  told.waited('a', at(5), 1_000);
  expect(told.take('b', 1_000)).toBeUndefined();
  expect(told.take('a', 1_010)).toEqual(at(5));
  expect(told.take('a', 1_010)).toBeUndefined();
  told.waited('a', at(6), 2_000);
  expect(told.take('a', 2_500)).toBeUndefined();
  expect(told.version('a')).toBe(6);
});

test('an answer from before something was asked says nothing of that, however late it comes', () => {
  const told = new Told();
  told.seen('a', at(5));
  told.asked('a', at(8), 1_000);
  told.waited('a', at(7), 1_000);
  expect(told.take('a', 1_000)).toBeUndefined();
  // What changed before the request was answered is waited for still.
  expect(told.version('a')).toBe(7);
  told.waited('a', at(8), 1_000);
  expect(told.take('a', 1_000)).toEqual(at(8));
});

test('the answer to a request is good once, for the look that follows it', () => {
  const told = new Told();
  told.seen('a', at(5));
  told.asked('a', at(8), 1_000);
  expect(told.version('a')).toBe(8);
  expect(told.take('a', 1_010)).toEqual(at(8));
  expect(told.take('a', 1_010)).toBeUndefined();
  // Of two that were asked at the same time, the later knows of both.
  told.asked('a', at(10), 2_000);
  told.asked('a', at(9), 2_000);
  expect(told.take('a', 2_000)).toBeUndefined();
});
