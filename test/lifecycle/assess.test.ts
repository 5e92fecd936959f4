import { expect, it } from 'vitest';
import { assess, type Assessment } from '../../src/lifecycle/assess.ts';
import type { ResourceKind } from '../../src/plan/plan.ts';
import type { Observation } from '../../src/providers/provider.ts';
import type { ResourceRecord, Status } from '../../src/store/record.ts';
import { resource } from '../cost/records.ts';

const STATES = ['absent', 'pending', 'running', 'stopping', 'unknown'] as const;

function seen(state: Observation['state'], failing = false): Observation {
  const failure = failing ? { failure: { class: 'crash-loop', message: 'it ended five times' } } : {};
  return { state, reason: `is ${state}`, instances: [], endpoints: [], ...failure };
}

const judged = (status: Status, state: Observation['state'], kind: ResourceKind = 'service', failing = false): Assessment['is'] =>
  assess(resource({ status, kind }), seen(state, failing)).is;

it.each(['creating', 'booting'] as const)('goes on with what is %s, whatever is seen of it', (status) => {
  for (const state of STATES) expect(judged(status, state)).toBe('resume');
  expect(judged(status, 'pending', 'service', true)).toBe('lost');
});

it('believes in what is ready only where the provider agrees', () => {
  expect(STATES.map((state) => judged('ready', state))).toEqual(['lost', 'resume', 'sound', 'lost', 'resume']);
  expect(judged('ready', 'pending', 'service', true)).toBe('lost');
});

it('makes settings again in place, but what held data or state is lost with it', () => {
  const kinds: readonly ResourceKind[] = ['keeper', 'route', 'registration', 'firewall', 'secret', 'volume', 'service'];
  expect(kinds.map((kind) => judged('ready', 'absent', kind))).toEqual(['resume', 'resume', 'resume', 'resume', 'lost', 'lost', 'lost']);
});

it('never takes unknown for gone', () => {
  for (const kind of ['keeper', 'secret', 'volume', 'service'] as const) expect(judged('ready', 'unknown', kind)).toBe('resume');
});

it('sends a request again that failed before anything was made, and replaces what was made and failed', () => {
  const failed = (at: 'creating' | 'booting' | 'ready'): ResourceRecord => {
    const one = resource({ status: 'failed' });
    return one.status === 'failed' ? { ...one, at } : one;
  };
  expect((['creating', 'booting', 'ready'] as const).map((at) => assess(failed(at), seen('absent')).is)).toEqual([
    'resume',
    'lost',
    'lost',
  ]);
});

it('makes settings again in place also where that failed once: what stands on a keeper must not go with it', () => {
  const failed = (kind: ResourceKind): ResourceRecord => {
    const one = resource({ status: 'failed', kind });
    return one.status === 'failed' ? { ...one, at: 'booting' } : one;
  };
  for (const kind of ['keeper', 'route', 'registration', 'firewall'] as const) {
    expect(assess(failed(kind), seen('absent')).is).toBe('resume');
    expect(assess(failed(kind), seen('pending', true)).is).toBe('lost');
  }
});

it('finishes a release', () => {
  for (const state of STATES) expect(judged('releasing', state)).toBe('leaving');
});
