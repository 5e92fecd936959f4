import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SpinError } from '../../src/core/errors.ts';
import { stateProblem } from '../../src/store/disk.ts';
import { flushJournals, openJournal } from '../../src/store/journal.ts';
import { appendLine, parseLines, readLines } from '../../src/store/lines.ts';
import { sampleEvent, sampleRecord } from './samples.ts';
import { stateFolder } from './state-folder.ts';

it('makes the file and its folders with the first line', () => {
  const file = `${stateFolder()}/a/b.ndjson`;
  expect(readLines(file)).toEqual([]);
  appendLine(file, { n: 1 });
  appendLine(file, 'zwei\n✓');
  expect(readFileSync(file, 'utf8')).toBe('{"n":1}\n"zwei\\n✓"\n');
  expect(readLines(file)).toEqual([{ n: 1 }, 'zwei\n✓']);
});

it('closes a torn line before it writes its own', () => {
  const file = stateFolder('torn.ndjson');
  writeFileSync(file, '{"n":1}\n{"n":');
  appendLine(file, { n: 3 });
  expect(readFileSync(file, 'utf8')).toBe('{"n":1}\n{"n":\n{"n":3}\n');
  expect(readLines(file)).toEqual([{ n: 1 }, { n: 3 }]);
});

it('reads past empty and damaged lines', () => {
  expect(parseLines('\n1\n\n{]\n2')).toEqual([1, 2]);
});

it.skipIf(!existsSync('/dev/full'))('fails where the disk is full, which a journal bears and a user is told', () => {
  const problem = ((): unknown => {
    try {
      return appendLine('/dev/full', 1);
    } catch (thrown) {
      return stateProblem(thrown, '/dev/full');
    }
  })();
  expect(problem).toBeInstanceOf(SpinError);
  expect(problem).toMatchObject({
    code: 'state-unwritable',
    message: 'cannot write /dev/full: no space left on device (ENOSPC)',
    hint: 'free some space, then run the command again',
  });
  expect(() => openJournal('/dev/full').append(sampleEvent(sampleRecord(), 'one'))).not.toThrow();
  expect(() => flushJournals()).not.toThrow();
});

it('tells bugs from what a disk refuses', () => {
  const bug = new TypeError('x is undefined');
  expect(stateProblem(bug, '/state')).toBe(bug);
  const told = new SpinError('record-damaged', 'damaged');
  expect(stateProblem(told, '/state')).toBe(told);
});
