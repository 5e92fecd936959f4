import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { viewEvents } from '../../../src/cli/views/events.ts';
import { cleanAll } from '../../../src/cli/text/clean.ts';
import { isoTime } from '../../../src/core/clock.ts';
import { EVENTS, type EventType, type SpinEvent } from '../../../src/core/events.ts';
import { openJournal, readJournal } from '../../../src/store/journal.ts';
import { foldTimings } from '../../../src/telemetry/timings.ts';
import { sampleRecord, START } from '../../store/samples.ts';
import { demand, type Kind } from '../kind.ts';
import { mutateText, mutateTree, spoiltJson } from '../mutate.ts';
import { demandTame, PAGE } from '../page.ts';
import { cutAt } from './records.ts';

const { id, incarnation, trace } = sampleRecord();

/** One event of every type, with everything that an event can have. */
const EVENTS_OF_ALL: readonly SpinEvent[] = (Object.keys(EVENTS) as EventType[]).map((type, n) => ({
  v: 1,
  time: isoTime(START + n * 100),
  id,
  incarnation,
  trace,
  type,
  phase: EVENTS[type].phase,
  resource: n % 3 === 0 ? 'service.web@1' : 'registration.web@1',
  instance: 'web@1.1',
  ms: n * 10,
  message: 'Zoë 🦊 waits',
  fault: { class: 'crash-loop', message: 'it ended', lastLines: ['a', 'b'] },
  data: { command: 'up', step: 'npm ci', restarts: 2, signal: 'SIGTERM', code: 1, verdict: 'release', reason: 'expired' },
}));

const TEXT = EVENTS_OF_ALL.map((event) => `${JSON.stringify(event)}\n`).join('');
const LAST: SpinEvent = { v: 1, time: isoTime(START), id, incarnation, trace, type: 'spin.ready', phase: 'serve', message: 'the last one' };

/** A journal with lines that were changed. */
export const journals: Kind = {
  name: 'journal',
  cases: 8_000,
  make(dice) {
    const lines = dice
      .some(EVENTS_OF_ALL)
      .map((event) => (dice.chance(0.3) ? spoiltJson(dice, mutateTree(dice, event)) : JSON.stringify(event)));
    const whole = `${lines.join('\n')}\n`;
    const text = dice.chance(0.4) ? mutateText(dice, whole) : whole;
    return {
      show: () => text,
      feed(folder) {
        const file = join(folder, 'journal.ndjson');
        writeFileSync(file, text);
        look(readJournal(file));
      },
    };
  },
};

const ROWS = [Buffer.from(TEXT)];

/** A journal that ends after every byte, and in the middle of a character: what was whole is read, and the next event is. */
export const tornJournals: Kind = {
  name: 'torn-journal',
  cases: ROWS.reduce((sum, bytes) => sum + bytes.length, 0),
  exhaustive: true,
  make(_dice, index) {
    const { bytes, at } = cutAt(ROWS, index);
    const torn = bytes.subarray(0, at);
    return {
      show: () => `cut after ${at} bytes`,
      feed(folder) {
        const file = join(folder, 'torn.ndjson');
        writeFileSync(file, torn);
        const whole = torn.toString('utf8').split('\n').length - 1;
        // The last line may be whole but for its newline.
        const read = readJournal(file).length;
        demand(read === whole || (read === whole + 1 && bytes[at] === 0x0a), `${read} events of ${whole} whole lines`);
        openJournal(file).append(LAST);
        const after = readJournal(file);
        demand(after.length === read + 1 && after.at(-1)?.message === LAST.message, 'an event behind a torn line is not read');
        appendFileSync(file, 'garbage that is not JSON\n\0\0\0\n[1,2]\n"text"\n');
        demand(readJournal(file).length === read + 1, 'garbage was read as events');
        demand(readFileSync(file).subarray(0, at).equals(torn), 'what was there was changed');
      },
    };
  },
};

function look(events: readonly SpinEvent[]): void {
  const timings = foldTimings(events);
  demand(
    Object.values(timings).every((value) => typeof value !== 'number' || Number.isFinite(value)),
    `a time that is none: ${JSON.stringify(timings)}`,
  );
  demandTame(viewEvents(cleanAll({ id, incarnation, events, timings }), PAGE));
}
