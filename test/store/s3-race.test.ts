import { describe, expect, it } from 'vitest';
import { type Incarnation, makeIncarnation, parseSpinId } from '../../src/core/ids.ts';
import { systemClock } from '../../src/core/clock.ts';
import { openSession } from '../../src/store/session.ts';
import { describeWithMoto } from '../fakes/moto/suite.ts';
import { BUSY, MET } from '../fakes/s3.ts';
import { fakeS3 } from './s3-bucket.ts';
import { motoS3 } from './s3-moto.ts';
import { openS3 } from './s3-open.ts';
import { sampleHolder, sampleRecord } from './samples.ts';
import { raceWriters } from './writers.ts';

const id = parseSpinId('web');
const shared = '01arz3ndektsv4rrffq69g5fav' as Incarnation;
const fresh = { record: sampleRecord(), lease: undefined, fence: 0 };

/** What holds whoever speaks S3. */
function races(answers: 'arrive' | 'get lost', endpoint: () => Promise<string>): void {
  it('has one winner among six processes that create', async () => {
    const url = await endpoint();
    const answers = await raceWriters(6, 'create', url);
    expect(answers.filter((answer) => answer === 'won')).toEqual(['won']);
    expect(answers.filter((answer) => answer === 'lost')).toHaveLength(5);
  });

  it('has one winner in each of many rounds: no update of six processes is lost', async () => {
    const url = await endpoint();
    const store = openS3(url);
    await store.write(undefined, fresh);
    expect(await raceWriters(6, 'count', url, 5)).toEqual(Array.from({ length: 6 }, () => 'done'));
    // A write whose answer was lost, and that another replaced before its writer could look, is told as a conflict, and counted twice.
    const fence = (await store.read(id))?.fence ?? 0;
    expect(fence).toBeGreaterThanOrEqual(30);
    if (answers === 'arrive') expect(fence).toBe(30);
  });

  it('keeps the events of all, and one entry in the ledger', async () => {
    const url = await endpoint();
    await Promise.all([raceWriters(3, 'append', url, 20), raceWriters(3, 'settle', url)]);
    const store = openS3(url);
    expect(await store.events(id, shared)).toHaveLength(60);
    expect(await store.ledger()).toHaveLength(1);
  });

  it('gives a lease to one of six', async () => {
    const url = await endpoint();
    const open = (n: number) =>
      openSession({
        store: openS3(url),
        id,
        holder: sampleHolder({ host: `host-${n}`, pid: n }),
        clock: systemClock,
        alive: () => 'unknown',
        take: 'claim',
        create: () => sampleRecord({ incarnation: makeIncarnation(systemClock.now()) }),
      });
    const answers = await Promise.allSettled(Array.from({ length: 6 }, (_, n) => open(n)));
    const sessions = answers.flatMap((answer) => (answer.status === 'fulfilled' && answer.value !== undefined ? [answer.value] : []));
    const refusals = answers.flatMap((answer) => (answer.status === 'rejected' ? [(answer.reason as { code: string }).code] : []));
    expect([sessions.length, refusals]).toEqual([1, Array.from({ length: 5 }, () => 'lease-held')]);
    await sessions[0]?.close();
  });
}

describe('clients that race, on the double', () => {
  races('arrive', async () => (await fakeS3()).endpoint);
});

describe('clients that race, on a double that loses answers, is busy, and says that requests met', () => {
  races('get lost', async () => {
    const fake = await fakeS3();
    fake.fault = ({ action, number, headers }) => {
      // The third sending of a request arrives.
      if (/attempt=[34]/.test(String(headers['amz-sdk-request']))) return undefined;
      if (number % 7 === 0) return 'lost-answer';
      if (number % 11 === 0) return BUSY;
      return number % 5 === 0 && action === 'PutObject' ? MET : undefined;
    };
    return fake.endpoint;
  });
});

describeWithMoto('clients that race, on moto', (world) => {
  races('arrive', () => motoS3(world().moto.url));
});
