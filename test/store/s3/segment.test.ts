import { describe, expect, it } from 'vitest';
import { makeIncarnation } from '../../../src/core/ids.ts';
import { eventsIn, journalPrefix, segmentKey, segmentName } from '../../../src/store/s3/segment.ts';
import { sampleEvent, sampleRecord, START } from '../samples.ts';

const record = sampleRecord();
const { id, incarnation } = record;
const line = (message: string, at: number): string => `${JSON.stringify(sampleEvent(record, message, at))}\n`;
const key = (ahead: number, began = START): string => segmentKey(journalPrefix('team/', id, incarnation), began, ahead);
const messages = (segments: Parameters<typeof eventsIn>[0]) => eventsIn(segments).map(({ message }) => message);

describe('the key of a segment', () => {
  it('tells spin, incarnation and clock', () => {
    expect(segmentName(key(-300_000))).toEqual({ id, incarnation, ahead: -300_000 });
    expect(segmentName(key(0).replace('team/', ''))).toEqual({ id, incarnation, ahead: 0 });
  });

  it('is told from other keys', () => {
    for (const other of ['journals/web/', `journals/web/${makeIncarnation(START)}/notes.txt`, 'records/web.json', '']) {
      expect(segmentName(other)).toBeUndefined();
    }
  });
});

describe('events of several segments', () => {
  it('come in the order of their times, corrected by the clock of each writer', () => {
    const fast = { key: key(600_000), text: line('2', START + 602_000) + line('4', START + 604_000) };
    const slow = { key: key(-600_000), text: line('1', START - 599_000) + line('5', START - 595_000) };
    const right = { key: key(0), text: line('3', START + 3_000) };
    expect(messages([right, fast, slow])).toEqual(['1', '2', '3', '4', '5']);
  });

  it('keep their order within a segment where a clock was set back, and leave out what is torn or not known', () => {
    const text = `${line('1', START + 5_000)}{"v":1,"ty\n{"v":1,"type":"spin.future"}\n${line('2', START)}${line('3', START + 6_000)}`;
    expect(messages([{ key: key(0), text }])).toEqual(['1', '2', '3']);
  });
});
