import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { makeIncarnation } from '../../src/core/ids.ts';
import { ledgerFile, readLedger, settle } from '../../src/store/ledger.ts';
import { sampleEntry, sampleRecord, START } from './samples.ts';
import { stateFolder } from './state-folder.ts';

const record = sampleRecord();
const first = sampleEntry(record);
const second = sampleEntry(record, makeIncarnation(START + 1));

it('is made with its first entry, and has each incarnation once', async () => {
  const file = ledgerFile(stateFolder());
  await settle(file, first);
  await settle(file, second);
  await settle(file, { ...first, cost: 7 });
  expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(2);
  expect(readLedger(file)).toEqual([first, second]);
});

it('settles again what was torn by a crash', async () => {
  const file = ledgerFile(stateFolder());
  await settle(file, second);
  appendFileSync(file, JSON.stringify(first).slice(0, -10));
  expect(readLedger(file)).toEqual([second]);
  await settle(file, first);
  expect(readLedger(file)).toEqual([second, first]);
});

it('reads the first of two entries that were written at once, and nothing of what is no entry', async () => {
  const file = ledgerFile(stateFolder());
  await settle(file, first);
  writeFileSync(file, [JSON.stringify({ ...first, cost: 7 }), JSON.stringify(first), '{"v":2}', 'garbage', ''].join('\n'));
  expect(readLedger(file)).toEqual([{ ...first, cost: 7 }]);
});
