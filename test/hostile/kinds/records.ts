import { cost } from '../../../src/app/cost.ts';
import { down } from '../../../src/app/down.ts';
import { extend } from '../../../src/app/extend.ts';
import { gc } from '../../../src/app/gc.ts';
import { ls } from '../../../src/app/ls.ts';
import { status } from '../../../src/app/status.ts';
import { up } from '../../../src/app/up.ts';
import { viewCost } from '../../../src/cli/views/cost.ts';
import { viewGc } from '../../../src/cli/views/gc.ts';
import { viewLs } from '../../../src/cli/views/ls.ts';
import { viewStatus } from '../../../src/cli/views/status.ts';
import { cleanAll } from '../../../src/cli/text/clean.ts';
import { canonicalJson, parseSpinId } from '../../../src/core/ids.ts';
import { isSpinError } from '../../../src/core/errors.ts';
import { buildPlan } from '../../../src/plan/build.ts';
import type { Spec } from '../../../src/spec/spec.ts';
import { decodeOutline, decodeRecord, encodeRecord } from '../../../src/store/record-file.ts';
import type { ResourceRecord, SpinRecord } from '../../../src/store/record.ts';
import type { StoredRecord } from '../../../src/store/store.ts';
import { appFor, Place } from '../../app/world.ts';
import { EXPOSED, specOf } from '../../plan/specs.ts';
import { sampleLease, sampleRecord, START } from '../../store/samples.ts';
import type { Dice } from '../dice.ts';
import { demand, type Kind } from '../kind.ts';
import { mutateText, mutateTree, spoiltJson } from '../mutate.ts';
import { demandTame, PAGE } from '../page.ts';

const ID = parseSpinId('web');
const HOUR = 3_600_000;
const SPEC: Spec = specOf(
  { db: { volumes: ['data'], secrets: ['key'] }, web: { ...EXPOSED, replicas: 2, needs: ['db'], env: { DB: '${services.db.address}' } } },
  { name: 'web', evacuate: { run: 'true', timeoutMs: 1_000 }, budget: { total: 5_000_000_000 } },
);

/** Records as a spin of two services leaves them, in the middle of its life and at its edges. */
const SAMPLES: readonly Omit<StoredRecord, 'version'>[] = [
  { record: recordOf('ready'), lease: undefined, fence: 3 },
  { record: recordOf('booting'), lease: sampleLease({ expiresAt: START - 1 }), fence: 1 },
  {
    record: recordOf('failed', { failure: { class: 'crash-loop', message: 'it ended five times', lastLines: ['oh'] } }),
    lease: undefined,
    fence: 2,
  },
  { record: recordOf('releasing', { desired: 'down' }), lease: undefined, fence: 4 },
  { record: sampleRecord({ provider: 'fake', releasedAt: START }), lease: undefined, fence: 1 },
];

const TEXTS: readonly string[] = SAMPLES.map((sample, n) => encodeRecord(sample, `stamp${n}`));

/** A record whose text or whose members were changed. */
export const records: Kind = {
  name: 'record',
  cases: 14_000,
  capMs: 10_000,
  make(dice) {
    const whole = dice.pick(TEXTS);
    const text = dice.chance(0.25) ? mutateText(dice, whole) : `${spoiltJson(dice, mutateTree(dice, JSON.parse(whole)))}\n`;
    const then = dice.pick(['look', 'look', 'down', 'up', 'extend', 'gc']);
    return { show: () => `then ${then}: ${text}`, feed: () => feed(text, then) };
  },
};

/** Where each sample begins in a row of all their bytes. */
const BYTES = TEXTS.map((text) => Buffer.from(text));

/** Records that end after every byte. */
export const tornRecords: Kind = {
  name: 'torn-record',
  cases: BYTES.reduce((sum, bytes) => sum + bytes.length, 0),
  exhaustive: true,
  make(_dice, index) {
    const { bytes, at } = cutAt(BYTES, index);
    return {
      show: () => `cut after ${at} of ${bytes.length} bytes: ${bytes.subarray(0, at).toString('utf8')}`,
      feed() {
        const text = bytes.subarray(0, at).toString('utf8');
        // What is missing is the newline at the very end: what it says is whole.
        const whole = at === bytes.length - 1;
        try {
          decodeOutline(text, 'record.json', ID);
          demand(whole, 'the outline of a torn record');
        } catch (thrown) {
          if (!isSpinError(thrown)) throw thrown;
        }
        decodeRecord(text, 'record.json', ID);
        demand(whole, 'a torn record');
      },
    };
  },
};

/** The bytes that an index falls into, where several stand in a row, and how far. */
export function cutAt(rows: readonly Buffer[], index: number): { readonly bytes: Buffer; readonly at: number } {
  let rest = index;
  for (const bytes of rows) {
    if (rest < bytes.length) return { bytes, at: rest };
    rest -= bytes.length;
  }
  throw new RangeError(`there is no byte ${index}`);
}

async function feed(text: string, then: string): Promise<void> {
  let outlined = true;
  try {
    decodeOutline(text, 'record.json', ID);
  } catch (thrown) {
    if (!isSpinError(thrown)) throw thrown;
    outlined = false;
  }
  const stored = decodeRecord(text, 'record.json', ID);
  if (stored === undefined) return;
  // A text that says the same twice is cut at the first, and read as a whole by the last.
  demand(outlined || text.split(',"asked":').length > 2, 'a record whose outline is refused');
  const again = decodeRecord(encodeRecord(stored, 'again'), 'record.json', ID);
  demand(canonicalJson(again) === canonicalJson(stored), 'a record that is written as another');
  await use(stored, then);
}

/** Looks at it in every way, and goes on with it as a command would. */
async function use(stored: Omit<StoredRecord, 'version'>, then: string): Promise<void> {
  const place = new Place();
  await place.store.write(undefined, stored);
  const app = appFor(place, { answer: true });
  show(viewLs(cleanAll(await ls(app)), PAGE, true));
  for (const by of ['spin', 'service', 'owner', 'tag:team']) show(viewCost(cleanAll(await cost(app, { by })), PAGE));
  show(viewGc(cleanAll(await gc(app, { dryRun: true })), PAGE));
  if (stored.record.releasedAt === undefined) show(viewStatus(cleanAll(await status(app, { id: ID })), PAGE));
  switch (then) {
    case 'down':
      demandReason((await place.run(down(app, { ids: [ID] }))).spins.map(({ error }) => error?.message));
      return;
    case 'up':
      await place.run(up(app, { resume: ID, onFailure: 'keep', timeout: '10m' }));
      return;
    case 'extend':
      await place.run(extend(app, { id: ID, by: '1h' }));
      return;
    case 'gc':
      await place.clock.advance(5 * HOUR);
      demandReason((await place.run(gc(app, { dryRun: false, force: true }))).swept.map(({ detail }) => detail));
      return;
    default:
  }
}

/** What failed in one spin of many is told in a line: it must be a reason, and not what the language says of a mistake. */
function demandReason(said: readonly (string | undefined)[]): void {
  for (const line of said)
    demand(
      line === undefined || !/call stack|Cannot read prop|is not a function|is not iterable|Invalid time|of undefined/.test(line),
      String(line),
    );
}

function show(text: string): void {
  demandTame(text);
}

type Kept = Extract<ResourceRecord['status'], 'booting' | 'ready' | 'failed' | 'releasing'>;

function recordOf(status: Kept, over: Partial<SpinRecord> = {}): SpinRecord {
  const { resources } = buildPlan(SPEC, {
    kinds: ['keeper', 'secret', 'volume', 'service', 'route', 'registration'],
    price: () => 50_000_000,
  });
  const all = resources.map((planned): ResourceRecord => {
    const { address, kind, desire, count, digest, strategy, hourly } = planned;
    const base = {
      key: `${address}@1`,
      address,
      kind,
      generation: 1,
      token: `token-${address}`,
      count,
      digest,
      desire,
      strategy,
      needs: planned.needs.map((need) => `${need}@1`),
      hourly,
      bound: '',
      requestedAt: START - HOUR,
      since: START - HOUR,
    };
    const handle = { token: `token-${address}` };
    switch (status) {
      case 'ready':
        return {
          ...base,
          status,
          handle,
          readyAt: START - HOUR,
          endpoints: [{ service: 'web', via: 'instance', host: '127.0.0.1', port: 20_001 }],
        };
      case 'booting':
        return { ...base, status, handle };
      case 'failed':
        return {
          ...base,
          status,
          at: 'booting',
          fault: { class: 'crash-loop', message: 'it ended five times', lastLines: ['oh'] },
          handle,
        };
      case 'releasing':
        return { ...base, status, handle };
    }
  });
  return sampleRecord({
    provider: 'fake',
    place: { account: '123456789012', region: 'eu-central-1' },
    spec: SPEC,
    tags: { team: 'blue', keep: '2026-01-02' },
    createdAt: START - HOUR,
    deadline: START + 3 * HOUR,
    ...(status === 'ready' ? { readyAt: START - HOUR } : {}),
    enforcers: [{ name: 'keeper', armed: true, detail: 'ends it' }],
    resources: Object.fromEntries(all.map((each) => [each.key, each])),
    generations: Object.fromEntries(all.map(({ address }) => [address, 1])),
    spent: [{ resource: 'service.web@1', service: 'web', instances: 1, from: START - 2 * HOUR, to: START - HOUR, hourly: 10_000_000 }],
    ...over,
  });
}

/** The text of a sound record, for others to spoil. */
export function soundRecord(dice: Dice): string {
  return dice.pick(TEXTS);
}
