/**
 * A process of its own that works on a state folder, or on a service that speaks S3, for tests of races and crashes:
 * `node writer.ts MODE DIR-OR-ENDPOINT ROUNDS`.
 */
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { isSpinError } from '../../src/core/errors.ts';
import { createFileStore } from '../../src/store/file-store.ts';
import { openS3 } from './s3-open.ts';
import { sampleEntry, sampleEvent, sampleRecord } from './samples.ts';

const [, , mode = '', dir = '', rounds = '1'] = process.argv;
const store = dir.startsWith('http://') ? openS3(dir) : createFileStore({ dir, clock: systemClock });
const record = sampleRecord({ owner: String(process.pid) });

const modes: Readonly<Record<string, () => Promise<unknown>>> = {
  /** Creates once; says whether it won. */
  create: async () => ((await store.write(undefined, { record, lease: undefined, fence: 0 })) === 'conflict' ? 'lost' : 'won'),

  /** Adds 1 to the fence, again and again, until killed or done. */
  count: async () => {
    for (let done = 0; done < Number(rounds);) {
      const stored = await store.read(record.id);
      if (stored === undefined) return 'gone';
      const { version, fence } = stored;
      if ((await store.write(version, { record: stored.record, lease: undefined, fence: fence + 1 })) !== 'conflict') done++;
    }
    return 'done';
  },

  /** Creates and removes; who has created owns a file that nobody else can own meanwhile. Stale versions must never win. */
  own: async () => {
    const owned = join(dir, 'owned');
    let stale: string | undefined;
    for (let won = 0; won < Number(rounds);) {
      const version = await store.write(undefined, { record, lease: undefined, fence: 0 });
      if (version === 'conflict') {
        if (stale !== undefined && (await store.write(stale, { record, lease: undefined, fence: 9 })) !== 'conflict')
          return 'a stale version won';
        continue;
      }
      won++;
      stale = version;
      closeSync(openSync(owned, 'wx'));
      if ((await store.read(record.id))?.record.owner !== record.owner) return 'read the record of another';
      unlinkSync(owned);
      if ((await store.remove(record.id, version)) !== 'removed') return 'another replaced the record';
    }
    return 'done';
  },

  append: async () => {
    for (let n = 0; n < Number(rounds); n++)
      store.append(sampleEvent({ ...record, incarnation: shared }, `${process.pid}/${n} ${'x'.repeat(n)}`));
    await store.flush?.();
    return 'done';
  },

  settle: async () => store.settle(sampleEntry(record, shared)),

  /** Replaces the record by one that does not fit where files are limited to a few blocks. */
  grow: async () => {
    const { version = '' } = (await store.read(record.id)) ?? {};
    return store.write(version, { record: { ...record, tags: { big: 'x'.repeat(100_000) } }, lease: undefined, fence: 1 });
  },
};

const shared = '01arz3ndektsv4rrffq69g5fav' as typeof record.incarnation;

process.stdout.write('ready\n');
// All start together: when the parent says so.
process.stdin.once('data', () => {
  void (modes[mode] ?? (() => Promise.resolve('no such mode')))()
    .catch((thrown: unknown) => (isSpinError(thrown) ? { code: thrown.code, message: thrown.message } : String(thrown)))
    .then((result) => process.stdout.write(`${JSON.stringify(result ?? null)}\n`, () => process.exit(0)));
});
