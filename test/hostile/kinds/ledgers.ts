import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { viewCost } from '../../../src/cli/views/cost.ts';
import { cleanAll } from '../../../src/cli/text/clean.ts';
import { isoTime } from '../../../src/core/clock.ts';
import { makeIncarnation } from '../../../src/core/ids.ts';
import { type CostKey, reportCost } from '../../../src/cost/report.ts';
import { readLedger, settle } from '../../../src/store/ledger.ts';
import type { LedgerEntry } from '../../../src/store/store.ts';
import { interval, ledgerEntry, T0 } from '../../cost/records.ts';
import { demand, type Kind } from '../kind.ts';
import { mutateText, mutateTree, spoiltJson } from '../mutate.ts';
import { demandTame, PAGE } from '../page.ts';
import { cutAt } from './records.ts';

const HOUR = 3_600_000;

const ENTRIES: readonly LedgerEntry[] = [1, 2, 3, 4].map((n) =>
  ledgerEntry({
    id: `spin-${n}`,
    incarnation: makeIncarnation(T0 + n, new Uint8Array(10)),
    owner: n === 2 ? '' : 'Zoë 🦊',
    tags: n === 1 ? {} : { team: 'blue', constructor: 'x' },
    intervals: [
      interval({ hourly: n * 1_000_000, to: T0 + n * HOUR }),
      interval({ resource: 'keeper.keeper@1', instances: 0, hourly: n === 3 ? 'unknown' : 0 }),
    ],
    cost: n === 3 ? 'unknown' : n * n * 1_000_000,
  }),
);

const LATEST = ledgerEntry({ id: 'latest', incarnation: makeIncarnation(T0 + 99, new Uint8Array(10)) });
const KEYS: readonly CostKey[] = ['spin', 'owner', 'service', 'provider', 'tag:team', 'tag:__proto__', 'tag:constructor'];

/** A ledger with lines that were changed. */
export const ledgers: Kind = {
  name: 'ledger',
  cases: 8_000,
  make(dice) {
    const lines = ENTRIES.map((entry) => (dice.chance(0.4) ? spoiltJson(dice, mutateTree(dice, entry)) : JSON.stringify(entry)));
    const whole = `${lines.join('\n')}\n`;
    const text = dice.chance(0.3) ? mutateText(dice, whole) : whole;
    return {
      show: () => text,
      feed(folder) {
        const file = join(folder, 'ledger.ndjson');
        writeFileSync(file, text);
        look(readLedger(file));
      },
    };
  },
};

const ROWS = [Buffer.from(ENTRIES.map((entry) => `${JSON.stringify(entry)}\n`).join(''))];

/** A ledger that ends after every byte: what was whole is read, and what is settled next is, once. */
export const tornLedgers: Kind = {
  name: 'torn-ledger',
  cases: ROWS.reduce((sum, bytes) => sum + bytes.length, 0),
  exhaustive: true,
  capMs: 10_000,
  make(_dice, index) {
    const { bytes, at } = cutAt(ROWS, index);
    return {
      show: () => `cut after ${at} bytes`,
      async feed(folder) {
        const file = join(folder, 'torn.ndjson');
        writeFileSync(file, bytes.subarray(0, at));
        const whole = bytes.subarray(0, at).toString('utf8').split('\n').length - 1;
        const read = readLedger(file).length;
        demand(read === whole || (read === whole + 1 && bytes[at] === 0x0a), `${read} entries of ${whole} whole lines`);
        await settle(file, LATEST);
        await settle(file, LATEST);
        const after = readLedger(file);
        demand(after.length === read + 1 && after.at(-1)?.id === LATEST.id, 'an entry behind a torn line is not read');
        look(after);
      },
    };
  },
};

function look(entries: readonly LedgerEntry[]): void {
  for (const by of KEYS) {
    const now = T0 + 10 * HOUR;
    const report = reportCost([], entries, { by, to: now }, now);
    for (const row of [...report.rows, report.total]) {
      const amounts = [row.spent, row.projected, row.hourly, row.hours];
      demand(
        amounts.every((amount) => amount === 'unknown' || (Number.isFinite(amount) && amount >= 0)),
        `an amount that is none: ${JSON.stringify(row)}`,
      );
    }
    demandTame(viewCost(cleanAll({ ...report, to: isoTime(now) }), PAGE));
  }
}
