import { describe, expect, it } from 'vitest';
import { makeIncarnation } from '../../src/core/ids.ts';
import { OWNED } from '../../src/core/tags.ts';
import { blastRadius, judge, type Verdict } from '../../src/gc/verdict.ts';
import { HOUR, T0, incarnation, neverReady, record, resource } from '../cost/records.ts';
import { NOW, POLICY, found, keeper, lease, rulings, stored, survey } from './survey.ts';

const running = [found(), keeper()];
const expired = { deadline: NOW - 12 * 60_000 };
const lone = (one: ReturnType<typeof record>, over: Parameters<typeof rulings>[0] = {}) =>
  rulings({ records: [stored(one)], found: running, ...over })['demo'];
const orphan = `demo/${incarnation(0)}`;

describe('an orphan at a provider that can mark', () => {
  const old = { createdAt: NOW - 3 * HOUR, marks: true as const };
  const judged = (over: Parameters<typeof found>[0], policy = POLICY) => rulings({ found: [found({ ...old, ...over })] }, policy)[orphan];

  it('is marked by the sweep that first sees it, and deleted by a later one', () => {
    expect(judged({})).toBe('mark: no record, 3h old: marked first, deleted by a sweep in 1m or later');
    expect(judged({ orphanSince: NOW - 59_000 })).toBe(
      'wait: no record, 3h old: marked only 59.0s ago, deleted by a sweep in 1.00s or later',
    );
    expect(judged({ orphanSince: NOW - 60_000 })).toBe('reclaim: no record, 3h old, marked 1m ago');
  });

  it('is marked again as a whole where one thing of it is not', () => {
    const things = [found({ ...old, orphanSince: NOW - HOUR }), found({ ...old, resource: 'firewall.web@1' })];
    expect(rulings({ found: things })[orphan]).toMatch(/^mark/);
  });

  it('is not deleted for being marked while it is too young, nor spared where no grace is asked for', () => {
    expect(judged({ createdAt: NOW - 60_000, orphanSince: NOW - HOUR })).toMatch(/^wait/);
    expect(judged({}, { ...POLICY, graceMs: 0 })).toMatch(/^reclaim/);
  });

  it('that has a record after all loses its mark', () => {
    expect(lone(record(), { found: [...running, found({ marks: true, orphanSince: NOW - HOUR })] })).toBe(
      'unmark: was marked as an orphan, and has a record',
    );
  });
});

describe('a spin that another state location took over', () => {
  const theirs = (over: Parameters<typeof found>[0] = {}) => found({ tags: { [OWNED.state]: 'theirs' }, ...over });

  it('is forgotten, expired or not, and nothing of it is released', () => {
    for (const one of [record(), record(expired), record({ desired: 'down' }), record({ tags: { keep: '2026-11-01' } })]) {
      expect(lone(one, { found: [], foreign: [theirs()] })).toBe(
        'forget: another state location (theirs) owns it: its record here is forgotten, nothing of it is touched',
      );
    }
  });

  it('is left alone while a part of it is ours', () => {
    const ruling = lone(record(expired), { found: [found({ kind: 'volume' })], foreign: [theirs()] });
    expect(ruling).toMatch(/^keep: another state location \(theirs\) owns a part of it: spin adopt demo/);
  });

  it('is left to whoever works on it, and not taken for one where another life of its ID was', () => {
    const at = { records: [stored(record(expired), lease())], found: [], foreign: [theirs()] };
    expect(lone(record(expired), { ...at, holderAlive: () => true })).toMatch(/^keep: busy/);
    expect(lone(record(expired), { found: [], foreign: [theirs({ life: 1 })] })).toMatch(/^release: expired/);
  });

  it('counts for the blast radius: a state whose tag is not what it was must not forget all that it had', () => {
    const verdicts = Array.from({ length: 6 }, (_, n): Verdict => {
      return { subject: `s${n}`, id: `s${n}`, incarnation: incarnation(0), verdict: 'forget', reason: '', found: [] };
    });
    expect(blastRadius(verdicts, POLICY)).toMatch(/would delete 6 of 6/);
  });
});

describe('a spin with a record', () => {
  it('that is up and in date is kept', () => {
    expect(lone(record())).toBe('keep: 2h left');
  });

  it('is released when its deadline has passed', () => {
    expect(lone(record(expired))).toBe('release: expired 12m ago');
    expect(lone(record({ deadline: NOW }))).toMatch(/^release: expired/);
  });

  it('is left to whoever holds its lease, unless the holder is known dead or the lease ran out', () => {
    const one = record(expired);
    const held = (alive: boolean | 'unknown', expiresAt = NOW + 1) =>
      lone(one, { records: [stored(one, lease({ expiresAt }))], holderAlive: () => alive });
    expect(held(true)).toBe('keep: busy: up by ada on here (pid 4711)');
    expect(held('unknown')).toMatch(/^keep: busy/);
    expect(held(false)).toMatch(/^release: expired/);
    expect(held(true, NOW)).toMatch(/^release: expired/);
  });

  it('is kept by its keep tag until the end of that day, on every path', () => {
    const tagged = (keep: string, over: Parameters<typeof record>[0] = {}) => lone(record({ ...over, tags: { keep } }));
    for (const over of [expired, { desired: 'down' as const }])
      expect(tagged('2026-11-01', over)).toBe('keep: kept until the end of 2026-11-01 by its keep tag');
    expect(rulings({ records: [stored(record({ tags: { keep: '2026-11-01' } }))] })['demo']).toMatch(/^keep: kept until/);
    expect(tagged('2026-10-31', expired)).toMatch(/^release: expired/);
  });

  it('is kept, and says so, when its keep tag is no date: a typo deletes nothing', () => {
    for (const keep of ['tomorrow', '2026-02-30', '01.12.2026', '']) {
      expect(lone(record({ ...expired, tags: { keep } }))).toBe(
        `keep: its tag keep=${JSON.stringify(keep)} is not a date (YYYY-MM-DD): kept until that is put right`,
      );
    }
  });

  it('is released when its down broke off', () => {
    expect(lone(record({ desired: 'down' }))).toBe('release: its down broke off before everything was proven gone');
  });

  it('whose up died before it was ready is released once it has been quiet for the grace', () => {
    const half = neverReady(record());
    expect(lone(half)).toBe('release: its up died before it was ready');
    expect(lone({ ...half, updatedAt: NOW - HOUR / 4 })).toBe('wait: its up died before it was ready: waits until quiet for 30m');
  });

  it('counts as quiet only since its lease ran out, but not when the holder is known dead', () => {
    const half = neverReady(record());
    const late = [stored(half, lease({ expiresAt: NOW - 60_000 }))];
    expect(lone(half, { records: late })).toMatch(/^wait/);
    expect(lone(half, { records: late, holderAlive: () => false })).toMatch(/^release/);
  });

  it('that failed and was kept stays until its deadline', () => {
    const failed = neverReady(record({ failure: { class: 'crash-loop', message: 'it ended five times' } }));
    expect(lone(failed)).toBe('keep: failed, kept for a look until 2026-11-01T16:00:00.000Z');
    expect(lone({ ...failed, ...expired })).toMatch(/^release: expired/);
  });

  it('without its keeper is to be healed, not deleted', () => {
    expect(lone(record(), { found: [found()] })).toBe('heal: its keeper died: spin up heals it');
  });

  it('of a provider without keepers needs none', () => {
    expect(lone(record({ resources: [resource()] }), { found: [found({ kind: 'service' })] })).toMatch(/^keep/);
  });

  it('of which nothing runs any more is released after the grace, whatever lies on the disk', () => {
    for (const left of [[], [found({ kind: 'folder' }), found({ kind: 'volume' }), found({ kind: 'secret' })]]) {
      expect(lone(record(), { found: left })).toBe('release: nothing of it runs any more');
      expect(lone(record({ updatedAt: NOW - 1_000 }), { found: left })).toMatch(/^wait: nothing of it runs any more/);
    }
  });

  it('is kept when its provider could not be asked what runs', () => {
    expect(lone(record(), { found: [], unlisted: ['local'] })).toMatch(/^keep/);
    expect(lone(record(expired), { found: [], unlisted: ['local'] })).toMatch(/^release: expired/);
  });

  it('with a keeper is kept where nobody could be asked for keepers; without one, that says nothing', () => {
    const unseen = [{ provider: 'local', kind: 'keeper' as const }];
    for (const left of [[], [found()]]) expect(lone(record(), { found: left, unseen })).toMatch(/^keep/);
    expect(lone(record(), { found: [], unseen: [{ provider: 'local', kind: 'route' }] })).toMatch(/^release: nothing of it runs/);
    expect(lone(record(), { found: [], unseen: [{ provider: 'aws', kind: 'keeper' }] })).toMatch(/^release: nothing of it runs/);
    expect(lone(record({ resources: [resource()] }), { found: [], unseen })).toMatch(/^release: nothing of it runs/);
  });

  describe('in a place of its own', () => {
    const place = { account: '1', region: 'here' };
    const there = { provider: 'local', place };
    const quiet = { found: [] };

    it('is taken for lifeless only where that place was looked into', () => {
      expect(lone(record({ place }), { ...quiet, listed: [there] })).toBe('release: nothing of it runs any more');
      const others = [
        { provider: 'aws', place },
        { provider: 'local', place: { ...place, region: 'there' } },
        { provider: 'local', place: { ...place, account: '2' } },
        { provider: 'local', place: {} },
      ];
      for (const listed of [undefined, [], others])
        expect(lone(record({ place }), { ...quiet, ...(listed && { listed }) })).toMatch(/^keep/);
      expect(lone(record({ place, ...expired }), quiet)).toMatch(/^release: expired/);
    });

    it('is not judged by who has credentials of another account', () => {
      const outOfReach = [there];
      const told = 'keep: lives in account 1, which the credentials do not reach: not judged';
      const half = neverReady(record({ place }));
      for (const one of [record({ place }), record({ place, ...expired }), record({ place, desired: 'down' }), half])
        expect(lone(one, { ...quiet, outOfReach })).toBe(told);
      expect(lone(record({ place: { ...place, account: '2' }, ...expired }), { ...quiet, outOfReach })).toMatch(/^release: expired/);
    });
  });

  it('has its own things in its verdict and no others', () => {
    const [verdict] = judge(survey({ records: [stored()], found: [...running, found({ id: 'other' })] }), POLICY);
    expect(verdict?.found).toEqual([keeper(), found()]);
  });
});

describe('things without a live record', () => {
  it('are reclaimed when the youngest of them is older than the grace', () => {
    expect(rulings({ found: running })).toEqual({ [orphan]: 'reclaim: no record, 3h old' });
    expect(rulings({ found: [...running, found({ createdAt: NOW - 60_000 })] })).toEqual({
      [orphan]: 'wait: no record, 1m old: waits until 30m old',
    });
  });

  it('are of the age of those whose age is known, and of their incarnation where none is', () => {
    const { createdAt: _, ...ageless } = found();
    const young = makeIncarnation(NOW - 60_000);
    expect(rulings({ found: [...running, ageless] })).toEqual({ [orphan]: 'reclaim: no record, 3h old' });
    expect(rulings({ found: [ageless] })).toEqual({ [orphan]: 'reclaim: no record, 4d 6h old' });
    expect(rulings({ found: [{ ...ageless, incarnation: young }] })).toEqual({
      [`demo/${young}`]: 'wait: no record, 1m old: waits until 30m old',
    });
  });

  it('are judged per incarnation, and never taken for those of the live one', () => {
    const verdicts = rulings({
      records: [stored(record({ incarnation: incarnation(1) }))],
      found: [...running, found({ life: 1 }), keeper({ life: 1 })],
    });
    expect(verdicts).toEqual({ demo: 'keep: 2h left', [orphan]: 'reclaim: left over from another incarnation, 3h old' });
  });

  it('are reclaimed beside a tombstone, which has no verdict of its own', () => {
    const tombstone = record({ releasedAt: NOW - HOUR });
    expect(rulings({ records: [stored(tombstone)] })).toEqual({});
    expect(rulings({ records: [stored(tombstone)], found: running })).toEqual({ [orphan]: 'reclaim: left over after its release, 3h old' });
  });

  it('are kept by the keep tag of a record with their ID, and while somebody works on it', () => {
    const next = record({ incarnation: incarnation(1), tags: { keep: '2026-12-24' } });
    expect(rulings({ records: [stored(next)], found: running })[orphan]).toMatch(/^keep: kept until/);
    expect(rulings({ records: [stored({ ...next, tags: {} }, lease())], found: running })[orphan]).toMatch(/^keep: busy/);
  });

  it('are never touched where the record of their ID cannot be read', () => {
    const verdicts = rulings({ unreadable: ['demo', 'gone'], found: running });
    expect(verdicts).toEqual({
      demo: 'keep: its record cannot be read: nothing of it is touched',
      gone: 'keep: its record cannot be read: nothing of it is touched',
    });
  });

  it('from a clock that is ahead are young', () => {
    expect(rulings({ found: [found({ createdAt: NOW + HOUR })] })[orphan]).toMatch(/^wait/);
  });
});

describe('the blast radius', () => {
  const verdicts = (deletions: number, keeps: number): readonly Verdict[] =>
    Array.from({ length: deletions + keeps }, (_, n) => ({
      subject: `spin-${n}`,
      id: `spin-${n}`,
      incarnation: incarnation(n),
      verdict: n >= deletions ? 'keep' : n % 2 === 0 ? 'release' : 'reclaim',
      reason: '',
      found: [],
    }));

  it('stops a sweep above its number', () => {
    expect(blastRadius(verdicts(20, 100), POLICY)).toBeUndefined();
    expect(blastRadius(verdicts(21, 100), POLICY)).toBe('would delete 21 of 121 spins and orphan groups; the limit is 20');
  });

  it('stops a sweep above its share, but not one of five or fewer', () => {
    expect(blastRadius(verdicts(6, 6), POLICY)).toBeUndefined();
    expect(blastRadius(verdicts(7, 6), POLICY)).toBe('would delete 7 of 13 spins and orphan groups (53%); the limit is 50%');
    expect(blastRadius(verdicts(5, 0), POLICY)).toBeUndefined();
    expect(blastRadius([], { ...POLICY, maxSpins: 0, maxPercent: 0 })).toBeUndefined();
    expect(blastRadius(verdicts(1, 0), { ...POLICY, maxSpins: 0 })).toBe('would delete 1 of 1 spins and orphan groups; the limit is 0');
  });
});

it('counts time from the record, not from anything else', () => {
  const before = survey({ records: [stored(record({ deadline: T0 + HOUR }))], found: running });
  expect(judge({ ...before, now: T0 }, POLICY)[0]?.verdict).toBe('keep');
  expect(judge(before, POLICY)[0]?.verdict).toBe('release');
});
