import fc from 'fast-check';
import { expect, it } from 'vitest';
import { keepUntil } from '../../src/core/tags.ts';
import { judge, type Survey, type Verdict } from '../../src/gc/verdict.ts';
import type { Place } from '../../src/providers/provider.ts';
import { HOUR, incarnation, neverReady, record } from '../cost/records.ts';
import { NOW, POLICY, found, keeper, lease, stored, survey } from './survey.ts';

const id = fc.constantFrom('a', 'b', 'c');
const life = fc.integer({ min: 0, max: 2 });
const time = fc.integer({ min: NOW - 5 * HOUR, max: NOW + HOUR });

const thing = fc
  .record({ id, life, age: fc.option(time, { nil: undefined }), kind: fc.constantFrom('process', 'keeper', 'folder') })
  .map(({ id, life, age, kind }) => {
    const { createdAt: _, ...ageless } = (kind === 'keeper' ? keeper : found)({ id, life, ...(kind === 'folder' ? { kind } : {}) });
    return age === undefined ? ageless : { ...ageless, createdAt: age };
  });

const owner = fc
  .record({
    life,
    deadline: time,
    updatedAt: time,
    desired: fc.constantFrom('up', 'down'),
    tags: fc.constantFrom({}, { keep: '2026-11-01' }, { keep: '2026-10-01' }, { keep: 'soon' }),
    ready: fc.boolean(),
    failed: fc.boolean(),
    released: fc.boolean(),
    lease: fc.option(time, { nil: undefined }),
  })
  .map(({ life, ready, failed, released, lease: expiresAt, ...over }) => {
    const whole = record({
      ...over,
      incarnation: incarnation(life),
      ...(failed ? { failure: { class: 'crash-loop', message: 'it ended five times' } } : {}),
      ...(released ? { releasedAt: NOW - HOUR } : {}),
    });
    return stored(ready ? whole : neverReady(whole), expiresAt === undefined ? undefined : lease({ expiresAt }));
  });

const world = fc
  .record({
    found: fc.array(thing, { maxLength: 12 }),
    owners: fc.dictionary(id, owner, { maxKeys: 3 }),
    unreadable: fc.subarray(['a', 'z']),
    alive: fc.constantFrom<boolean | 'unknown'>(true, false, 'unknown'),
  })
  .map(({ found, owners, unreadable, alive }): Survey => {
    const records = Object.entries(owners)
      .filter(([name]) => !unreadable.includes(name))
      .map(([name, one]) => ({
        ...one,
        record: { ...one.record, id: found.find((each) => each.id === name)?.id ?? record({ id: name }).id },
      }));
    return survey({ found, records, unreadable, holderAlive: () => alive });
  });

const deletes = ({ verdict }: Verdict): boolean => verdict === 'release' || verdict === 'reclaim';

it('gives the same verdicts whatever the order of the survey, and leaves the survey as it was', () => {
  const shuffled = world.chain((one) =>
    fc.record({
      one: fc.constant(one),
      found: fc.shuffledSubarray([...one.found], { minLength: one.found.length }),
      records: fc.shuffledSubarray([...one.records], { minLength: one.records.length }),
    }),
  );
  fc.assert(
    fc.property(shuffled, ({ one, found, records }) => {
      const before = JSON.stringify(one);
      const verdicts = judge(one, POLICY);
      // Things that differ in nothing but their age stand in the order in which they were found.
      const byAge = (all: readonly Verdict[]) =>
        all.map((each) => ({ ...each, found: each.found.map((thing) => JSON.stringify(thing)).toSorted() }));
      expect(byAge(judge({ ...one, found, records }, POLICY))).toEqual(byAge(verdicts));
      expect(JSON.stringify(one)).toBe(before);
    }),
  );
});

it('names every subject once, in order, and accounts for everything found', () => {
  fc.assert(
    fc.property(world, (one) => {
      const verdicts = judge(one, POLICY);
      const subjects = verdicts.map(({ subject }) => subject);
      expect(subjects).toEqual([...new Set(subjects)].toSorted());
      expect(verdicts.flatMap(({ found }) => found)).toHaveLength(one.found.length);
    }),
  );
});

it('never deletes what a live spin owns', () => {
  fc.assert(
    fc.property(world, (one) => {
      for (const { record, lease } of one.records) {
        const runs = one.found.some((each) => each.id === record.id && each.incarnation === record.incarnation && each.kind !== 'folder');
        const wanted =
          record.releasedAt === undefined && record.desired === 'up' && record.deadline > one.now && record.readyAt !== undefined;
        const held =
          record.releasedAt === undefined &&
          lease !== undefined &&
          lease.expiresAt > one.now &&
          one.holderAlive({ version: '', record, lease, fence: 1 }) !== false;
        if (!held && !(wanted && runs)) continue;
        const touched = judge(one, POLICY)
          .filter(deletes)
          .filter(({ id, incarnation }) => id === record.id && incarnation === record.incarnation);
        expect(touched).toEqual([]);
      }
    }),
  );
});

it('never deletes what is kept by a tag, nor anything of an unreadable record', () => {
  fc.assert(
    fc.property(world, (one) => {
      const kept = one.records.filter(
        ({ record: { tags } }) => tags['keep'] !== undefined && (keepUntil(tags['keep']) ?? Infinity) > one.now,
      );
      const safe = new Set([...one.unreadable, ...kept.map(({ record }) => String(record.id))]);
      expect(
        judge(one, POLICY)
          .filter(deletes)
          .filter(({ id }) => safe.has(id)),
      ).toEqual([]);
    }),
  );
});

it('never ends for what was not found there a spin that lives where nobody looked', () => {
  const home = { account: '1', region: 'here' };
  const places = fc.subarray([home, { ...home, region: 'there' }, { ...home, account: '2' }]);
  fc.assert(
    fc.property(world, places, places, (one, listed, reachless) => {
      const where = (some: readonly Place[]) => some.map((place) => ({ provider: 'local', place }));
      const records = one.records.map((each) => ({ ...each, record: { ...each.record, place: home } }));
      const verdicts = judge({ ...one, records, listed: where(listed), outOfReach: where(reachless) }, POLICY);
      for (const { id, verdict, reason, incarnation } of verdicts) {
        if (!records.some(({ record }) => record.id === id && record.incarnation === incarnation && record.releasedAt === undefined))
          continue;
        if (!listed.includes(home)) expect(reason).not.toMatch(/runs any more|keeper died/);
        if (reachless.includes(home)) expect(verdict).toBe('keep');
      }
    }),
  );
});

it('has nothing more to delete once its verdicts are carried out', () => {
  fc.assert(
    fc.property(world, (one) => {
      const gone = new Set(
        judge(one, POLICY)
          .filter(deletes)
          .map(({ id, incarnation }) => `${id}/${incarnation}`),
      );
      const stays = (each: { readonly id: string; readonly incarnation: string }) => !gone.has(`${each.id}/${each.incarnation}`);
      const after = { ...one, found: one.found.filter(stays), records: one.records.filter(({ record }) => stays(record)) };
      expect(judge(after, POLICY).filter(deletes)).toEqual([]);
    }),
  );
});
