import { expect, it } from 'vitest';
import { gc } from '../../src/app/gc.ts';
import { makeIncarnation } from '../../src/core/ids.ts';
import { judge, type Verdict } from '../../src/gc/verdict.ts';
import type { Found } from '../../src/providers/provider.ts';
import type { StoredRecord } from '../../src/store/store.ts';
import { appFor, Place } from '../app/world.ts';
import { HOUR, record, resource, spinId } from '../cost/records.ts';
import { found, NOW, POLICY, stored, survey } from './survey.ts';

const RESOURCES = 10_000;

/** A tenth each: orphans, expired but kept by their tag, orphans that are too young; the others are live. */
type Share = 'orphan' | 'kept' | 'young' | 'live';

function shareOf(n: number): Share {
  return n % 10 === 0 ? 'orphan' : n % 10 === 1 ? 'kept' : n % 10 === 2 ? 'young' : 'live';
}

const subjects = (verdicts: readonly Verdict[]) => Map.groupBy(verdicts, ({ verdict }) => verdict);

it('judges ten thousand things and condemns exactly the orphans', () => {
  const things: Found[] = [];
  const records: StoredRecord[] = [];
  for (let n = 0; n < RESOURCES; n++) {
    const [id, share] = [`spin-${n}`, shareOf(n)];
    things.push(found({ id, createdAt: NOW - (share === 'young' ? POLICY.graceMs - 1 : 3 * HOUR) }));
    if (share === 'live') records.push(stored(record({ id, resources: [resource()] })));
    if (share === 'kept') records.push(stored(record({ id, resources: [resource()], deadline: NOW - HOUR, tags: { keep: '2026-11-02' } })));
  }
  const began = performance.now();
  const verdicts = subjects(judge(survey({ found: things, records }), POLICY));
  expect(performance.now() - began).toBeLessThan(2_000);

  const ids = (verdict: Verdict['verdict']) => (verdicts.get(verdict) ?? []).map(({ id }) => id).toSorted();
  const expected = (share: Share) =>
    things
      .map(({ id }) => String(id))
      .filter((_, n) => shareOf(n) === share)
      .toSorted();
  expect(ids('reclaim')).toEqual(expected('orphan'));
  expect(ids('wait')).toEqual(expected('young'));
  expect(ids('keep')).toEqual([...expected('live'), ...expected('kept')].toSorted());
  expect([...verdicts.keys()].toSorted()).toEqual(['keep', 'reclaim', 'wait']);
});

it('sweeps ten thousand things of a thousand spins, and exactly the orphans go', async () => {
  const place = new Place();
  const now = place.clock.now();
  const born = (share: Share) => now - (share === 'young' ? 60_000 : 2 * HOUR);
  for (let n = 0; n < RESOURCES / 10; n++) {
    const share = shareOf(n);
    const incarnation = makeIncarnation(born(share), new Uint8Array(10));
    const spin = { id: spinId(`spin-${n}`), incarnation, trace: '0'.repeat(32) };
    const resources = Array.from({ length: 10 }, (_, m) => resource({ name: `part-${m}`, from: born(share) }));
    for (const { key, kind, token, desire, needs } of resources) {
      const tags = { 'spin:id': spin.id };
      const thing = {
        spin,
        key,
        kind,
        token,
        createdAt: born(share),
        tags,
        desire,
        needs,
        instances: [n],
        env: {},
        notReadyFor: 0,
        leavesIn: undefined,
        failure: undefined,
        attempt: 0,
      };
      place.world.things.set(`${spin.id}/${incarnation}/${key}`, thing);
    }
    if (share !== 'live' && share !== 'kept') continue;
    const kept = share === 'kept' ? { tags: { keep: '2026-12-31' }, deadline: now - HOUR } : { deadline: now + HOUR };
    const whole = record({
      id: spin.id,
      incarnation,
      provider: 'fake',
      createdAt: born(share),
      updatedAt: now,
      readyAt: now - HOUR,
      resources,
      ...kept,
    });
    await place.store.write(undefined, { record: whole, lease: undefined, fence: 1 });
  }
  const before = new Set(place.world.things.keys());
  const { swept, verdicts } = await place.run(gc(appFor(place, { answer: true }), { dryRun: false, maxSpins: 1_000 }));

  expect(new Set(swept.map(({ result }) => result))).toEqual(new Set(['reclaimed']));
  const gone = [...before].filter((key) => !place.world.things.has(key)).map((key) => key.split('/')[0] ?? '');
  const orphans = Array.from({ length: RESOURCES / 10 }, (_, n) => n).filter((n) => shareOf(n) === 'orphan');
  expect(gone.length).toBe(RESOURCES / 10);
  expect([...new Set(gone)].toSorted()).toEqual(orphans.map((n) => `spin-${n}`).toSorted());
  expect(swept).toHaveLength(RESOURCES / 100);
  expect(verdicts.filter(({ verdict }) => verdict === 'wait')).toHaveLength(RESOURCES / 100);
  expect((await place.store.list()).records).toHaveLength((RESOURCES / 10) * 0.8);
});
