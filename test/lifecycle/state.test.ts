import { expect, it } from 'vitest';
import { stateOf } from '../../src/lifecycle/state.ts';
import { HOUR, neverReady, record, type RecordSketch, resource, T0 } from '../cost/records.ts';

const keeper = resource({ kind: 'keeper', name: 'keeper' });
const fault = { class: 'crash-loop', message: 'it ended five times' };

it.each<[string, string, RecordSketch]>([
  ['up', 'everything is ready', {}],
  ['degraded', 'something is being made or mended', { resources: [keeper, resource(), resource({ name: 'db', status: 'booting' })] }],
  ['degraded', 'something failed and something serves', { resources: [keeper, resource(), resource({ name: 'db', status: 'failed' })] }],
  ['degraded', 'the last command failed and something serves', { failure: fault }],
  ['failed', 'something failed and no service is ready', { resources: [keeper, resource({ status: 'failed' })] }],
  ['failed', 'the last command failed and no service is ready', { failure: fault, resources: [keeper] }],
  ['stopping', 'it is being taken down', { desired: 'down' }],
  ['stopping', 'it is being taken down and is over its deadline', { desired: 'down', deadline: T0 }],
  ['expired', 'its deadline has passed', { deadline: T0 + HOUR }],
  ['released', 'nothing is left', { releasedAt: T0, desired: 'down', deadline: T0 }],
])('is %s where %s', (state, _why, sketch) => {
  expect(stateOf(record(sketch), T0 + HOUR)).toBe(state);
});

it('is starting until it was ready once', () => {
  const starting = neverReady(record({ resources: [keeper, resource({ status: 'creating' })] }));
  expect(stateOf(starting, T0)).toBe('starting');
  expect(stateOf({ ...starting, failure: fault }, T0)).toBe('failed');
  expect(stateOf(neverReady(record({ failure: fault })), T0)).toBe('failed');
});
