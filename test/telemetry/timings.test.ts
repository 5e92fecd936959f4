import { describe, expect, it } from 'vitest';
import { foldTimings, lastCommand } from '../../src/telemetry/timings.ts';
import { UP, journal, later, type Line } from './journal.ts';

const UNCHANGED: readonly Line[] = [
  [0, 'spin.requested', { data: { command: 'up' } }],
  [0.2, 'plan.made'],
  [0.3, 'spin.unchanged'],
];

const DOWN: readonly Line[] = [
  [0, 'spin.requested', { phase: 'drain', data: { command: 'down' } }],
  [1, 'resource.releasing', { resource: 'registration.web@1' }],
  [1, 'drain.started', { resource: 'service.web@1' }],
  [3, 'drain.finished', { resource: 'service.web@1', ms: 2_000 }],
  [3, 'resource.releasing', { resource: 'service.web@1' }],
  [4, 'resource.released', { resource: 'service.web@1' }],
  [5, 'spin.released'],
];

describe('the waterfall', () => {
  it('of an up shows where each phase began and ended, overlapping as they did', () => {
    expect(foldTimings(journal(...UP)).phases).toEqual([
      { phase: 'plan', startMs: 0, ms: 500 },
      { phase: 'provision', startMs: 500, ms: 2_500 },
      { phase: 'bootstrap', startMs: 3_000, ms: 5_000 },
      { phase: 'register', startMs: 8_500, ms: 500 },
      { phase: 'serve', startMs: 9_000, ms: 1_000 },
    ]);
  });

  it('of a down has a drain and a release and no plan', () => {
    const timings = foldTimings(journal(...UP, ...later(60, DOWN)));
    expect(timings.phases).toEqual([
      { phase: 'drain', startMs: 0, ms: 3_000 },
      { phase: 'release', startMs: 1_000, ms: 4_000 },
    ]);
    expect(timings.totalMs).toBe(5_000);
    expect(timings).not.toHaveProperty('provisionMs');
  });

  it('of a down shows nothing of what its instances say while they end', () => {
    const said: readonly Line[] = [
      [0.5, 'instance.unhealthy', { phase: 'bootstrap', resource: 'service.db@1', instance: 'db@1.1' }],
      [1.5, 'instance.exited', { phase: 'bootstrap', resource: 'service.web@1', instance: 'web@1.1' }],
      [3.5, 'resource.waiting', { phase: 'release', resource: 'service.web@1' }],
    ];
    const noisy = [...DOWN, ...said].toSorted(([a], [b]) => a - b);
    expect(foldTimings(journal(...noisy)).phases).toEqual(foldTimings(journal(...DOWN)).phases);
  });

  it('of an up shows nothing of what the generation that it takes away says', () => {
    const rest: readonly Line[] = [
      [11, 'resource.releasing', { resource: 'service.web@0' }],
      [12, 'resource.waiting', { phase: 'release', resource: 'service.web@0' }],
      [13, 'resource.released', { resource: 'service.web@0' }],
    ];
    const { phases } = foldTimings(journal(...UP, ...rest));
    expect(phases.slice(0, -1)).toEqual(foldTimings(journal(...UP)).phases);
    expect(phases.at(-1)).toEqual({ phase: 'release', startMs: 11_000, ms: 2_000 });
  });

  it('of routes alone registers from the first of them', () => {
    const events = journal(
      [0, 'spin.requested'],
      [1, 'resource.creating', { resource: 'route.web@1' }],
      [2, 'resource.ready', { resource: 'route.web@1' }],
    );
    expect(foldTimings(events).phases).toContainEqual({ phase: 'register', startMs: 1_000, ms: 1_000 });
  });

  it('of work that only closes with an event begins when the work began', () => {
    const events = journal(
      [0, 'spin.requested'],
      [3, 'bootstrap.step', { instance: 'web@1.1', ms: 2_000 }],
      [4, 'resource.failed', { resource: 'service.web@1' }],
    );
    expect(foldTimings(events).phases).toEqual([
      { phase: 'plan', startMs: 0, ms: 1_000 },
      { phase: 'bootstrap', startMs: 1_000, ms: 3_000 },
    ]);
  });

  it('of an up that changed nothing is a plan', () => {
    expect(foldTimings(journal(...UNCHANGED)).phases).toEqual([{ phase: 'plan', startMs: 0, ms: 200 }]);
  });

  it('has no bar of negative length when the wall clock was set back meanwhile', () => {
    const { phases, totalMs } = foldTimings(
      journal([100, 'spin.requested'], [0, 'resource.creating', { resource: 'service.web@1' }], [1, 'spin.ready']),
    );
    expect(phases.every(({ startMs, ms }) => startMs >= 0 && ms >= 0)).toBe(true);
    expect(totalMs).toBe(0);
  });
});

describe('the figures of an up', () => {
  it('count from the request', () => {
    expect(foldTimings(journal(...UP))).toMatchObject({
      provisionMs: 8_000,
      timeToServeMs: 9_000,
      convergenceMs: 10_000,
      secretIssuanceMs: 400,
      totalMs: 10_000,
      bootstrap: { healthy: 2, failed: 0, byClass: {} },
    });
  });

  it('count from when it was asked for, though it could not begin then', () => {
    const events = journal(
      [2, 'spin.requested', { ms: 1_500 }],
      [3, 'resource.creating', { resource: 'service.db@1' }],
      [5, 'resource.ready', { resource: 'service.db@1', ms: 2_000 }],
      [6, 'spin.ready', { ms: 5_500 }],
    );
    const timings = foldTimings(events);
    expect(timings).toMatchObject({ provisionMs: 4_500, convergenceMs: 5_500, totalMs: 5_500 });
    expect(timings.phases[0]).toEqual({ phase: 'plan', startMs: 0, ms: 2_500 });
  });

  it('take the time to healthy for the time to serve where nothing is exposed', () => {
    const events = journal(
      [0, 'spin.requested'],
      [1, 'resource.creating', { resource: 'service.db@1' }],
      [4, 'resource.ready', { resource: 'service.db@1' }],
      [5, 'spin.ready'],
    );
    expect(foldTimings(events)).toMatchObject({ provisionMs: 4_000, timeToServeMs: 4_000, convergenceMs: 5_000 });
  });

  it('are left out where it failed before them', () => {
    const events = journal([0, 'spin.requested'], [1, 'resource.creating', { resource: 'service.db@1' }], [2, 'spin.failed']);
    const timings = foldTimings(events);
    for (const figure of ['provisionMs', 'timeToServeMs', 'convergenceMs', 'secretIssuanceMs']) expect(timings).not.toHaveProperty(figure);
    expect(timings.totalMs).toBe(2_000);
  });

  it('are empty for an empty journal', () => {
    expect(foldTimings([])).toEqual({ phases: [], throttled: 0, bootstrap: { healthy: 0, failed: 0, byClass: {} }, totalMs: 0 });
  });
});

describe('the last command', () => {
  it('is the last one that changed something', () => {
    expect(
      foldTimings(
        journal(
          ...UP,
          ...later(60, UNCHANGED),
          ...later(90, [
            [0, 'spin.requested'],
            [1, 'spin.extended'],
          ]),
        ),
      ),
    ).toEqual(foldTimings(journal(...UP)));
  });

  it('is the last one of all where none changed anything', () => {
    const events = journal(...UNCHANGED, ...later(60, UNCHANGED));
    expect(lastCommand(events)).toEqual(events.slice(3));
  });

  it('ends where it was done: what the keeper reports a day later is no part of it', () => {
    const after = later(86_400, [
      [0, 'instance.exited', { instance: 'web@1.1' }],
      [1, 'instance.restarted', { instance: 'web@1.1' }],
      [2, 'instance.healthy', { instance: 'web@1.1' }],
    ]);
    expect(foldTimings(journal(...UP, ...after))).toEqual(foldTimings(journal(...UP)));
  });

  it('includes what it takes away after its end, on a rollback or a rolling change', () => {
    const rollback = journal(
      [0, 'spin.requested'],
      [1, 'resource.creating', { resource: 'service.db@1' }],
      [2, 'spin.failed'],
      [3, 'resource.releasing', { resource: 'service.db@1' }],
      [5, 'resource.released'],
    );
    expect(lastCommand(rollback)).toEqual(rollback);
    expect(foldTimings(rollback)).toMatchObject({
      totalMs: 5_000,
      phases: expect.arrayContaining([{ phase: 'release', startMs: 3_000, ms: 2_000 }]),
    });
  });

  it('goes on to the end of the journal where it was killed, and begins at its first line where the request is lost', () => {
    expect(lastCommand(journal(...UP.slice(0, 8)))).toHaveLength(8);
    expect(lastCommand(journal(...UP.slice(1)))).toHaveLength(UP.length - 1);
  });

  it('of what it found is the same again', () => {
    const last = lastCommand(journal(...UNCHANGED, ...later(60, UP), ...later(120, DOWN)));
    expect(lastCommand(last)).toEqual(last);
  });
});
