import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeIncarnation, parseSpinId } from '../../src/core/ids.ts';
import type { SpinRecord } from '../../src/store/record.ts';
import type { Store, StoredRecord } from '../../src/store/store.ts';
import { sampleEntry, sampleEvent, sampleHolder, sampleLease, sampleRecord, sampleResources, START, there } from '../store/samples.ts';

export interface StoreUnderTest {
  readonly store: Store;
  /** Another opening of the same place, as by another process. */
  readonly other: Store;
  dispose(): Promise<void>;
}

/** Holds a store to the contract of src/store/store.ts. */
export function storeContract(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`the store contract: ${name}`, () => {
    let world: StoreUnderTest;
    let store: Store;
    let other: Store;
    const id = parseSpinId('web');

    beforeEach(async () => {
      world = await make();
      ({ store, other } = world);
    });
    afterEach(() => world.dispose());

    const unleased = (record: SpinRecord, fence = 0): Omit<StoredRecord, 'version'> => ({ record, lease: undefined, fence });
    const created = async (record = sampleRecord()): Promise<string> => {
      const version = await store.write(undefined, unleased(record));
      expect(version).not.toBe('conflict');
      return version;
    };

    it('is one state to every opening, before its first record and after', async () => {
      const { tag } = store;
      expect(tag).not.toBe('');
      expect(other.tag).toBe(tag);
      await created();
      expect([store.tag, other.tag]).toEqual([tag, tag]);
    });

    describe('records', () => {
      it('has nothing at first', async () => {
        expect(await store.read(id)).toBeUndefined();
        expect(await store.list()).toEqual({ records: [], unreadable: [] });
      });

      it('gives back what was written, with the lease and the fence, to every opening', async () => {
        const record = sampleRecord({ resources: sampleResources(), failure: { class: 'throttled', message: 'später "noch einmal"\n' } });
        const version = await store.write(undefined, { record, lease: sampleLease({ fence: 7 }), fence: 7 });
        expect(await other.read(id)).toEqual({ version, record, lease: sampleLease({ fence: 7 }), fence: 7 });
      });

      it('creates only where there is nothing', async () => {
        const version = await created();
        expect(await other.write(undefined, unleased(sampleRecord({ owner: 'bob' })))).toBe('conflict');
        expect((await store.read(id))?.version).toBe(version);
      });

      it('replaces exactly the version that was read', async () => {
        const first = await created();
        const second = await other.write(first, unleased(sampleRecord({ owner: 'bob' }), 1));
        expect(second).not.toBe(first);
        expect(await store.write(first, unleased(sampleRecord({ owner: 'carol' })))).toBe('conflict');
        expect(await store.read(id)).toMatchObject({ version: second, fence: 1, record: { owner: 'bob' } });
      });

      it('does not replace what is not there', async () => {
        const version = await created();
        expect(await store.remove(id, version)).toBe('removed');
        expect(await store.write(version, unleased(sampleRecord()))).toBe('conflict');
        expect(await store.read(id)).toBeUndefined();
      });

      it('lets one of many creators win', async () => {
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, n) =>
            (n % 2 === 0 ? store : other).write(undefined, unleased(sampleRecord({ owner: `user-${n}` }))),
          ),
        );
        const winners = answers.flatMap((answer, n) => (answer === 'conflict' ? [] : [`user-${n}`]));
        expect(winners).toEqual([(await store.read(id))?.record.owner]);
      });

      it('lets one of many replacements win', async () => {
        const version = await created();
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, n) =>
            (n % 2 === 0 ? store : other).write(version, unleased(sampleRecord({ owner: `user-${n}` }))),
          ),
        );
        const winners = answers.flatMap((answer, n) => (answer === 'conflict' ? [] : [`user-${n}`]));
        expect(winners).toEqual([(await store.read(id))?.record.owner]);
      });

      it('loses no update of writers that try again after a conflict', async () => {
        await created();
        const increment = async (through: Store): Promise<void> => {
          for (;;) {
            const { version, record, fence } = there(await through.read(id));
            if ((await through.write(version, unleased(record, fence + 1))) !== 'conflict') return;
          }
        };
        await Promise.all(Array.from({ length: 12 }, (_, n) => increment(n % 2 === 0 ? store : other)));
        expect((await store.read(id))?.fence).toBe(12);
      });

      it('removes exactly the version that was read', async () => {
        const first = await created();
        const second = (await store.write(first, unleased(sampleRecord(), 1))) ?? '';
        expect(await store.remove(id, first)).toBe('conflict');
        expect((await store.read(id))?.version).toBe(second);
        expect(await other.remove(id, second)).toBe('removed');
        expect(await store.read(id)).toBeUndefined();
        expect(await store.remove(id, second)).toBe('conflict');
        expect((await store.list()).records).toEqual([]);
      });

      it('takes a new record after a removal, which no version of the old one can touch', async () => {
        const old = await created();
        await store.remove(id, old);
        const fresh = await created(sampleRecord({ owner: 'bob' }));
        expect(fresh).not.toBe(old);
        expect(await store.write(old, unleased(sampleRecord({ owner: 'ghost' })))).toBe('conflict');
        expect(await store.remove(id, old)).toBe('conflict');
        expect(await store.read(id)).toMatchObject({ version: fresh, record: { owner: 'bob' } });
      });

      it('lets either a removal or a replacement of one version win', async () => {
        for (let round = 0; round < 20; round++) {
          const version = await created();
          const [removed, replaced] = await Promise.all([store.remove(id, version), other.write(version, unleased(sampleRecord(), 1))]);
          const left = await store.read(id);
          expect([removed === 'removed', replaced !== 'conflict']).toEqual([left === undefined, left !== undefined]);
          if (left !== undefined) await store.remove(id, left.version);
        }
      });

      it('keeps what a creator was told it created, also while an older record is being removed', async () => {
        for (let round = 0; round < 20; round++) {
          const version = await created(sampleRecord({ owner: 'old' }));
          const create = (owner: string): Promise<string> => other.write(undefined, unleased(sampleRecord({ owner })));
          const [removed, ...answers] = await Promise.all([store.remove(id, version), create('first'), create('second')]);
          expect(removed).toBe('removed');
          const winners = ['first', 'second'].filter((_, n) => answers[n] !== 'conflict');
          const left = await store.read(id);
          expect(left === undefined ? [] : [left.record.owner]).toEqual(winners);
          if (left !== undefined) await store.remove(id, left.version);
        }
      });

      it('lists every record as read would give it', async () => {
        const ids = ['a', 'b-2', 'c'.repeat(63)].map(parseSpinId);
        for (const each of ids) await created(sampleRecord({ id: each }));
        const { records, unreadable } = await other.list();
        expect(unreadable).toEqual([]);
        expect(records.toSorted((a, b) => (a.record.id < b.record.id ? -1 : 1))).toEqual(
          await Promise.all(ids.map((each) => store.read(each))),
        );
      });

      it('takes from every record, in a scan, what is asked of its outline', async () => {
        const ids = ['a', 'b-2'].map(parseSpinId);
        for (const each of ids) await created(sampleRecord({ id: each, owner: `owner of ${each}`, resources: sampleResources() }));
        const look = () => other.scan(({ owner, resources }) => `${owner}: ${Object.keys(resources).length}`);
        const { seen, unreadable } = await look();
        expect([seen.toSorted(), unreadable]).toEqual([['owner of a: 5', 'owner of b-2: 5'], []]);
        const { version, record } = there(await store.read(parseSpinId('a')));
        await store.write(version, unleased({ ...record, owner: 'another' }));
        expect((await look()).seen).toContain('another: 5');
      });

      it('is not changed through what it was given or gave', async () => {
        const record = { ...sampleRecord(), tags: { team: 'blue' } };
        await created(record);
        record.tags.team = 'red';
        const read = there(await store.read(id)).record;
        Object.assign(read.tags, { team: 'green' });
        expect((await store.read(id))?.record.tags).toEqual({ team: 'blue' });
      });
    });

    describe('journals', () => {
      it('gives the events of an incarnation in the order of their appending', async () => {
        const record = sampleRecord();
        const events = ['one', 'two\nlines', 'drei ✓'].map((message, n) => sampleEvent(record, message, START + n));
        for (const [n, event] of events.entries()) (n % 2 === 0 ? store : other).append(event);
        await other.flush?.();
        expect(await store.events(id, record.incarnation)).toEqual(events);
      });

      it('shows to another opening what was appended before the flush', async () => {
        const record = sampleRecord();
        const events = Array.from({ length: 50 }, (_, n) => sampleEvent(record, `${n} ${'x'.repeat(5_000)}`, START + n));
        for (const event of events) store.append(event);
        await store.flush?.();
        expect(await other.events(id, record.incarnation)).toEqual(events);
      });

      it('has no events of what never was', async () => {
        expect(await store.events(id)).toEqual([]);
        expect(await store.events(id, makeIncarnation(START))).toEqual([]);
      });

      it('gives those of the live incarnation, or of the last that was', async () => {
        const older = sampleRecord({ incarnation: makeIncarnation(START) });
        const newer = sampleRecord({ incarnation: makeIncarnation(START + 1) });
        store.append(sampleEvent(newer, 'newer'));
        store.append(sampleEvent(older, 'older'));
        const version = await created(older);
        expect(await store.events(id)).toEqual([sampleEvent(older, 'older')]);
        await store.remove(id, version);
        expect(await store.events(id)).toEqual([sampleEvent(newer, 'newer')]);
        expect(await store.events(id, older.incarnation)).toEqual([sampleEvent(older, 'older')]);
      });

      it('follows from the end, as it was at the call, until the signal aborts', async () => {
        const record = sampleRecord();
        const stop = new AbortController();
        store.append(sampleEvent(record, 'before'));
        const following = collect(store.follow(id, record.incarnation, stop.signal), (seen) => seen.length === 2 && stop.abort());
        store.append(sampleEvent(record, 'one'));
        await store.flush?.();
        other.append(sampleEvent(record, 'two', START + 1));
        expect(await following).toEqual(['one', 'two']);
      });

      it('follows from the start, also a journal that is not there yet', async () => {
        const record = sampleRecord();
        const stop = new AbortController();
        const following = collect(store.follow(id, record.incarnation, stop.signal, 'start'), (seen) => {
          if (seen.length === 1) other.append(sampleEvent(record, 'two'));
          else stop.abort();
        });
        await new Promise((resolve) => setImmediate(resolve));
        other.append(sampleEvent(record, 'one'));
        expect(await following).toEqual(['one', 'two']);
      });

      it('ends following that has nothing to tell', async () => {
        const stop = new AbortController();
        const following = collect(store.follow(id, makeIncarnation(START), stop.signal), () => {});
        stop.abort();
        expect(await following).toEqual([]);
      });
    });

    describe('the ledger', () => {
      it('keeps one entry per incarnation, the first, however often it is settled', async () => {
        const record = sampleRecord();
        await Promise.all([store, other, store, other].map((each, n) => each.settle({ ...sampleEntry(record), cost: n })));
        await store.settle({ ...sampleEntry(record), cost: 99 });
        await other.settle(sampleEntry(record, makeIncarnation(START + 1)));
        const entries = await store.ledger();
        expect(entries.map(({ incarnation }) => incarnation)).toHaveLength(2);
        expect(entries[0]?.cost).not.toBe(99);
        expect(entries[1]).toEqual(sampleEntry(record, entries[1]?.incarnation));
      });

      it('is empty at first', async () => {
        expect(await store.ledger()).toEqual([]);
      });
    });

    describe('prune', () => {
      it('deletes journals and tombstones of spins released before, and nothing else', async () => {
        const day = 86_400_000;
        const gone = sampleRecord({ id: parseSpinId('gone'), incarnation: makeIncarnation(START) });
        const recent = sampleRecord({ id: parseSpinId('recent'), incarnation: makeIncarnation(START + 1) });
        const live = sampleRecord({ id: parseSpinId('live'), incarnation: makeIncarnation(START + 2) });
        const tombstone = sampleRecord({ id: parseSpinId('tomb'), incarnation: makeIncarnation(START + 3), releasedAt: START });
        const held = sampleRecord({ id: parseSpinId('held'), incarnation: makeIncarnation(START + 4), releasedAt: START });
        for (const each of [gone, recent, live, tombstone, held]) store.append(sampleEvent(each, each.id));
        await store.settle(sampleEntry(gone, gone.incarnation, START));
        await store.settle(sampleEntry(recent, recent.incarnation, START + 2 * day));
        await store.settle(sampleEntry(tombstone, tombstone.incarnation, START));
        await created(live);
        await created(tombstone);
        await store.write(undefined, {
          record: held,
          lease: sampleLease({ holder: sampleHolder(), expiresAt: Date.UTC(9999, 0) }),
          fence: 1,
        });

        expect(await store.prune(START + day)).toBe(2);

        expect((await store.list()).records.map(({ record }) => record.id).toSorted()).toEqual(['held', 'live']);
        expect(await store.events(gone.id)).toEqual([]);
        expect(await store.events(tombstone.id)).toEqual([]);
        for (const each of [recent, live, held]) expect(await store.events(each.id)).toHaveLength(1);
        expect(await store.ledger()).toHaveLength(3);
        expect(await store.prune(START + day)).toBe(0);
      });
    });
  });
}

async function collect(
  events: AsyncIterable<{ readonly message?: string }>,
  seen: (messages: readonly string[]) => unknown,
): Promise<readonly string[]> {
  const messages: string[] = [];
  for await (const event of events) {
    messages.push(event.message ?? '');
    seen(messages);
  }
  return messages;
}
