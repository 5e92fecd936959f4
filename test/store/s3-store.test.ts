import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { makeIncarnation, parseSpinId, type SpinId } from '../../src/core/ids.ts';
import { createS3Store } from '../../src/store/s3-store.ts';
import type { Store } from '../../src/store/store.ts';
import { BUSY, DENIED, type FakeS3, MET, type S3Action, type S3Fault, type S3Request } from '../fakes/s3.ts';
import { selfSigned } from '../fakes/tls/certificate.ts';
import { startFront } from '../fakes/tls/front.ts';
import { startTunnel } from '../fakes/tls/tunnel.ts';
import { fakeS3 } from './s3-bucket.ts';
import { BUCKET, KEYS, openS3 } from './s3-open.ts';
import { sampleEntry, sampleEvent, sampleRecord, START, there } from './samples.ts';

const id = parseSpinId('web');
const record = sampleRecord();
const fresh = { record, lease: undefined, fence: 0 };

/** The fault for the first `times` requests of an action. */
function failing(fake: FakeS3, action: S3Action, fault: S3Fault, times = 1): void {
  let left = times;
  fake.fault = (request) => (request.action === action && !isProbe(request) && left-- > 0 ? fault : undefined);
}

/** What a store asks of a service that is not S3 before it makes its first record. */
const isProbe = ({ key }: S3Request): boolean => key.endsWith('conditions.txt');

async function withRecord(): Promise<{ fake: FakeS3; store: Store; version: string }> {
  const fake = await fakeS3();
  const store = openS3(fake.endpoint);
  const version = await store.write(undefined, fresh);
  expect(version).not.toBe('conflict');
  return { fake, store, version };
}

const count = (fake: FakeS3, action: S3Action): number => fake.requests.filter((request) => request.action === action).length;

describe('a write whose answer is lost', () => {
  it('is a success where it created what is there', async () => {
    const fake = await fakeS3();
    const store = openS3(fake.endpoint);
    failing(fake, 'PutObject', 'lost-answer');
    const version = await store.write(undefined, fresh);
    expect(await store.read(id)).toEqual({ version, ...fresh });
    expect(fake.requests.filter((request) => request.action === 'PutObject' && !isProbe(request))).toHaveLength(2);
  });

  it('is a success where it replaced what was expected', async () => {
    const { fake, store, version } = await withRecord();
    failing(fake, 'PutObject', 'lost-answer', 2);
    const next = await store.write(version, { ...fresh, fence: 1 });
    expect(next).not.toBe('conflict');
    expect(await store.read(id)).toEqual({ version: next, ...fresh, fence: 1 });
  });

  it('is a success, too, where every answer is lost', async () => {
    const { fake, store, version } = await withRecord();
    failing(fake, 'PutObject', 'lost-answer', Infinity);
    const next = await store.write(version, { ...fresh, fence: 1 });
    expect((await store.read(id))?.version).toBe(next);
  });

  it('is a conflict where another wrote meanwhile', async () => {
    const { fake, store, version } = await withRecord();
    const other = openS3(fake.endpoint);
    let first = true;
    fake.fault = ({ action }) => (action === 'PutObject' && first ? 'lost-answer' : undefined);
    fake.before = async ({ action }) => {
      if (action !== 'PutObject' || !first) return;
      // The request is on its way to be carried out; what comes next replaces what it wrote.
      first = false;
      setImmediate(() => void overtaking());
    };
    const overtaking = async (): Promise<void> => {
      const stored = there(await other.read(id));
      await other.write(stored.version, { ...fresh, fence: 7 });
    };
    await store.write(version, { ...fresh, fence: 1 });
    // Whichever came first: what the store says now is whole, and the old version wins no more.
    expect(await store.write(version, { ...fresh, fence: 9 })).toBe('conflict');
    expect([1, 7]).toContain((await store.read(id))?.fence);
  });

  it('is a failure where the request never arrives, and leaves the record as it was', async () => {
    const { fake, store, version } = await withRecord();
    failing(fake, 'PutObject', 'lost-request', Infinity);
    await expect(store.write(version, { ...fresh, fence: 1 })).rejects.toMatchObject({
      code: 'state-unwritable',
      message: expect.stringContaining(`cannot write s3://${BUCKET}/spins/dev/records/web.json: no answer`),
    });
    fake.fault = undefined;
    expect(await store.read(id)).toEqual({ version, ...fresh });
  });
});

describe('a removal whose answer is lost', () => {
  it('has removed the record', async () => {
    const { fake, store, version } = await withRecord();
    failing(fake, 'DeleteObject', 'lost-answer');
    expect(await store.remove(id, version)).toBe('removed');
    expect(await store.read(id)).toBeUndefined();
  });

  it('has removed the record, too, where every answer is lost', async () => {
    const { fake, store, version } = await withRecord();
    failing(fake, 'DeleteObject', 'lost-answer', Infinity);
    expect(await store.remove(id, version)).toBe('removed');
    expect(await store.read(id)).toBeUndefined();
  });

  it('is a failure where the request never arrives, and leaves the record as it was', async () => {
    const { fake, store, version } = await withRecord();
    failing(fake, 'DeleteObject', 'lost-request', Infinity);
    await expect(store.remove(id, version)).rejects.toMatchObject({
      code: 'state-unwritable',
      message: expect.stringContaining(`cannot delete s3://${BUCKET}/spins/dev/records/web.json: no answer`),
    });
    fake.fault = undefined;
    expect(await store.read(id)).toEqual({ version, ...fresh });
  });

  it('is a conflict where there is a new record since', async () => {
    const { fake, store, version } = await withRecord();
    const other = openS3(fake.endpoint);
    const next = fake.requests.length + 1;
    fake.fault = ({ action, number }) => (action === 'DeleteObject' && number === next ? 'lost-answer' : undefined);
    fake.before = async (request) => {
      if (isProbe(request)) return;
      const { action, number } = request;
      if (action === 'DeleteObject' && number > next) await other.write(undefined, { ...fresh, fence: 5 });
    };
    expect(await store.remove(id, version)).toBe('conflict');
    expect((await store.read(id))?.fence).toBe(5);
  });
});

describe('a bucket behind a certificate that nobody vouches for', () => {
  it('is not read; AWS_CA_BUNDLE says whom to believe, and HTTPS_PROXY which way to go', async () => {
    const fake = await fakeS3();
    const certificate = selfSigned(systemClock.now());
    const front = await startFront(fake.endpoint, certificate);
    onTestFinished(() => front.close());
    await expect(openS3(front.url).write(undefined, fresh)).rejects.toMatchObject({
      code: 'state-unwritable',
      message: expect.stringMatching(/: self-signed certificate \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/),
      hint: expect.stringContaining('AWS_CA_BUNDLE'),
    });

    const folder = mkdtempSync(join(tmpdir(), 'spin-ca-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const bundle = join(folder, 'ca.pem');
    writeFileSync(bundle, certificate.cert);
    const proxy = await startTunnel();
    onTestFinished(() => proxy.close());
    for (const env of [{ AWS_CA_BUNDLE: bundle }, { AWS_CA_BUNDLE: bundle, HTTPS_PROXY: proxy.url }]) {
      expect((await openS3(front.url, systemClock, { env }).read(id))?.record).toBeUndefined();
    }
    expect(proxy.asked).toEqual([`127.0.0.1:${front.port}`]);
  });
});

describe('a service that is not S3', () => {
  it.each([
    { action: 'PutObject', header: 'if-none-match' },
    { action: 'PutObject', header: 'if-match' },
    { action: 'DeleteObject', header: 'if-match' },
  ] as const)('is refused where $action ignores $header', async (ignores) => {
    const fake = await fakeS3({ ignores });
    await expect(openS3(fake.endpoint).write(undefined, fresh)).rejects.toMatchObject({
      code: 'state-unwritable',
      message: expect.stringMatching(/this service ignores If-/),
      hint: expect.stringContaining('use S3'),
    });
    expect([...fake.objects(BUCKET).keys()].filter((key) => key.includes('records'))).toEqual([]);
  });

  it('is tried, too, where the profile names it', async () => {
    const fake = await fakeS3({ ignores: { action: 'PutObject', header: 'if-none-match' } });
    const folder = mkdtempSync(join(tmpdir(), 'spin-profile-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const config = join(folder, 'config');
    // A profile of its own: the SDK keeps what it read of a file.
    writeFileSync(config, `[profile other-service]\nservices = theirs\n[services theirs]\ns3 =\n  endpoint_url = ${fake.endpoint}\n`);
    vi.stubEnv('AWS_CONFIG_FILE', config);
    vi.stubEnv('AWS_PROFILE', 'other-service');
    onTestFinished(() => void vi.unstubAllEnvs());
    const store = createS3Store({ bucket: BUCKET, prefix: '', region: 'eu-west-1', credentials: KEYS, clock: systemClock, env: {} });
    await expect(store.write(undefined, fresh)).rejects.toMatchObject({
      message: expect.stringMatching(/this service ignores If-None-Match/),
    });
  });

  it('is asked once by a process', async () => {
    const { fake, store } = await withRecord();
    expect(fake.requests.filter(isProbe)).toHaveLength(4);
    await store.write(undefined, { ...fresh, record: sampleRecord({ id: parseSpinId('other') }) });
    expect(fake.requests.filter(isProbe)).toHaveLength(4);
  });
});

describe('two conditional requests that meet', () => {
  it('are asked again until S3 says who won', async () => {
    const { fake, store, version } = await withRecord();
    failing(fake, 'PutObject', MET, 3);
    const next = await store.write(version, { ...fresh, fence: 1 });
    expect(await store.read(id)).toMatchObject({ version: next, fence: 1 });
    failing(fake, 'DeleteObject', { status: 409, code: 'OperationAborted' }, 2);
    expect(await store.remove(id, next)).toBe('removed');
  });

  it('fail aloud where S3 never says', async () => {
    const { fake, store, version } = await withRecord();
    failing(fake, 'PutObject', MET, Infinity);
    await expect(store.write(version, fresh)).rejects.toMatchObject({
      code: 'state-unwritable',
      message: expect.stringContaining('S3 is too busy (ConditionalRequestConflict)'),
    });
  });
});

describe('a bucket that cannot be used', () => {
  it.each<readonly [string, S3Fault, RegExp, RegExp | undefined]>([
    ['denied', DENIED, /access denied \(AccessDenied\)$/, /s3:/],
    ['no bucket', { status: 404, code: 'NoSuchBucket' }, /there is no such bucket/, new RegExp(`make the bucket ${BUCKET}`)],
    ['expired', { status: 400, code: 'ExpiredToken' }, /credentials have expired/, /aws sso login/],
    ['unknown keys', { status: 403, code: 'InvalidAccessKeyId' }, /not accepted/, /get-caller-identity/],
    [
      'elsewhere',
      { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'sa-east-1' } },
      /the bucket is in sa-east-1/,
      /AWS_REGION=sa-east-1/,
    ],
    ['elsewhere, unsaid', { status: 301, code: 'PermanentRedirect' }, /in another region/, /AWS_REGION/],
    ['no conditional writes', { status: 501, code: 'NotImplemented' }, /no conditional writes/, /If-None-Match/],
    ['something new', { status: 418, code: 'TeapotError' }, /TeapotError by the double \(TeapotError\)/, undefined],
  ])('is told with what to do, and never is an empty list: %s', async (_name, fault, message, hint) => {
    const fake = await fakeS3();
    const store = openS3(fake.endpoint);
    fake.fault = () => fault;
    const problem = { code: 'state-unwritable', message: expect.stringMatching(message), data: { bucket: BUCKET } };
    const told = hint === undefined ? problem : { ...problem, hint: expect.stringMatching(hint) };
    await expect(store.list()).rejects.toMatchObject(told);
    await expect(store.scan(() => 1)).rejects.toMatchObject(told);
    await expect(store.ledger()).rejects.toMatchObject(told);
    await expect(store.read(id)).rejects.toMatchObject(told);
    await expect(store.write(undefined, fresh)).rejects.toMatchObject(told);
    await expect(store.remove(id, '"etag"')).rejects.toMatchObject(told);
    await expect(store.settle(sampleEntry(record))).rejects.toMatchObject(told);
    await expect(store.events(id)).rejects.toMatchObject(told);
    store.append(sampleEvent(record, 'one'));
    await store.flush?.();
  });

  it('is not one in another region, where S3 itself is asked: the request goes there', async () => {
    const fake = await fakeS3({ region: 'sa-east-1' });
    // By the SDK's own variable, so that the SDK is told and not the store, which would then stay where it was sent.
    vi.stubEnv('AWS_ENDPOINT_URL_S3', fake.endpoint);
    onTestFinished(() => void vi.unstubAllEnvs());
    const store = createS3Store({ bucket: BUCKET, prefix: '', region: 'eu-west-1', credentials: KEYS, clock: systemClock, env: {} });
    const answers = await Promise.all(Array.from({ length: 5 }, (_, n) => store.read(parseSpinId(`spin-${n}`))));
    expect(answers).toEqual([undefined, undefined, undefined, undefined, undefined]);
    const before = fake.requests.length;
    await store.write(undefined, fresh);
    expect(fake.requests.slice(before).filter((request) => !isProbe(request))).toHaveLength(1);
  });

  it('is where nobody answers', async () => {
    const fake = await fakeS3();
    const { endpoint } = fake;
    await fake.close();
    await expect(openS3(endpoint).list()).rejects.toMatchObject({ code: 'state-unwritable', data: { code: 'ECONNREFUSED' } });
  });
});

it('bears with an S3 that asks to slow down', async () => {
  const { fake, store } = await withRecord();
  failing(fake, 'GetObject', BUSY, 2);
  expect(await store.read(id)).toMatchObject(fresh);
});

describe('thousands of spins', () => {
  it('are listed page by page, each asked for once, and again only when it changed', async () => {
    const fake = await fakeS3();
    const store = openS3(fake.endpoint);
    const version = there(await seed(fake, store, 2_500));
    expect((await store.scan(({ id }) => id)).seen).toHaveLength(2_500);
    expect([count(fake, 'ListObjectsV2'), count(fake, 'GetObject')]).toEqual([3, 2_500]);
    await store.write(version, { record: { ...record, owner: 'another' }, lease: undefined, fence: 1 });
    const { records } = await store.list();
    expect(records.find((stored) => stored.record.id === id)?.record.owner).toBe('another');
    expect([records.length, count(fake, 'ListObjectsV2'), count(fake, 'GetObject')]).toEqual([2_500, 6, 2_501]);
  }, 60_000);

  it('are not asked for again by the next run, where there is a folder to keep them', async () => {
    const fake = await fakeS3();
    const cacheDir = mkdtempSync(join(tmpdir(), 'spin-cache-'));
    onTestFinished(() => rmSync(cacheDir, { recursive: true }));
    const run = () => openS3(fake.endpoint, systemClock, { cacheDir });
    await seed(fake, run(), 100);
    const first = await run().list();
    expect(count(fake, 'GetObject')).toBe(100);
    expect(await run().list()).toEqual(first);
    expect(count(fake, 'GetObject')).toBe(100);
    const [file = ''] = readdirSync(cacheDir);
    expect(statSync(join(cacheDir, file)).mode & 0o777).toBe(0o600);
    // A file that is damaged costs requests and nothing else.
    writeFileSync(join(cacheDir, file), readFileSync(join(cacheDir, file), 'utf8').replaceAll('"schema":1', '"schema":9'));
    expect(await run().list()).toEqual(first);
    expect(count(fake, 'GetObject')).toBe(200);
  });

  it('are asked for many at a time, but not all at once', async () => {
    const fake = await fakeS3();
    const store = openS3(fake.endpoint);
    await seed(fake, store, 200);
    let [open, most] = [0, 0];
    fake.before = async () => {
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 2));
      open--;
    };
    await store.list();
    expect(most).toBeGreaterThan(8);
    expect(most).toBeLessThanOrEqual(32);
  });
});

/** Puts as many records there as are asked for, without a request for each. @returns the version of the one named `web` */
async function seed(fake: FakeS3, store: Store, spins: number): Promise<string | undefined> {
  const version = await store.write(undefined, fresh);
  const objects = fake.objects(BUCKET);
  const [key, object] = there([...objects].find(([name]) => name.includes('/records/')));
  for (let n = 1; n < spins; n++) {
    const name = `spin-${n}`;
    objects.set(key.replace('web', name), {
      ...object,
      body: Buffer.from(object.body.toString().replace('"id":"web"', `"id":"${name}"`)),
      etag: `"${n}"`,
    });
  }
  return version;
}

describe('one damaged object', () => {
  it('hides no other', async () => {
    const { fake, store } = await withRecord();
    const objects = fake.objects(BUCKET);
    const object = there(objects.get('spins/dev/records/web.json'));
    const put = (name: string, text: string) =>
      objects.set(`spins/dev/records/${name}`, { ...object, body: Buffer.from(text), etag: `"${name}"` });
    put('torn.json', '{"stamp":"');
    put('newer.json', '{"schema":2,"new":"things"}');
    put('Not an ID.json', '{}');
    put('notes.txt', 'mine');
    put('other.json', object.body.toString());
    put('', '');
    const { records, unreadable } = await store.list();
    expect(records.map((stored) => stored.record.id)).toEqual(['web']);
    expect(unreadable.map(({ id, problem }) => [id, (problem as { code: string }).code])).toEqual([
      ['Not an ID', 'record-damaged'],
      ['newer', 'record-newer'],
      ['notes.txt', 'record-damaged'],
      ['other', 'record-damaged'],
      ['torn', 'record-damaged'],
    ]);
    await expect(store.read('torn' as SpinId)).rejects.toMatchObject({
      code: 'record-damaged',
      data: { file: `s3://${BUCKET}/spins/dev/records/torn.json` },
    });
    expect(await store.write(undefined, { ...fresh, record: sampleRecord({ id: parseSpinId('torn') }) })).toBe('conflict');
  });

  it('hides no other where it alone is forbidden, or archived', async () => {
    const { fake, store } = await withRecord();
    await store.write(undefined, { ...fresh, record: sampleRecord({ id: parseSpinId('secret') }) });
    fake.fault = ({ key, action }) => (action === 'GetObject' && key.endsWith('/secret.json') ? DENIED : undefined);
    const { records, unreadable } = await store.list();
    expect([records.length, unreadable]).toMatchObject([1, [{ id: 'secret', problem: { code: 'state-unwritable' } }]]);
  });

  it('does not have its journals pruned', async () => {
    const { fake, store } = await withRecord();
    store.append(sampleEvent(record, 'one'));
    await store.flush?.();
    const objects = fake.objects(BUCKET);
    const key = 'spins/dev/records/web.json';
    objects.set(key, { ...there(objects.get(key)), body: Buffer.from(''), etag: '"empty"' });
    await store.prune(Number.MAX_SAFE_INTEGER);
    expect(await store.events(id, record.incarnation)).toHaveLength(1);
  });

  it('is no entry of the ledger', async () => {
    const { fake, store } = await withRecord();
    await store.settle(sampleEntry(record));
    const objects = fake.objects(BUCKET);
    objects.set('spins/dev/ledger/torn.json', { ...there([...objects.values()][0]), body: Buffer.from('{"v":1,'), etag: '"torn"' });
    expect(await store.ledger()).toEqual([sampleEntry(record)]);
  });
});

describe('a journal', () => {
  it('goes out a second after its first event at the latest, and in one object while it is small', async () => {
    const fake = await fakeS3();
    const store = openS3(fake.endpoint, systemClock, { flushMs: 30 });
    const other = openS3(fake.endpoint);
    for (const message of ['one', 'two']) {
      store.append(sampleEvent(record, message));
      await expect.poll(async () => (await other.events(id, record.incarnation)).at(-1)?.message).toBe(message);
    }
    expect([...fake.objects(BUCKET).keys()]).toHaveLength(1);
  });

  it('goes on in another object when one is long, and is read in order', async () => {
    const fake = await fakeS3();
    const store = openS3(fake.endpoint);
    const events = Array.from({ length: 40 }, (_, n) => sampleEvent(record, `${n} ${'x'.repeat(8_000)}`));
    for (const event of events) {
      store.append(event);
      if (event.message?.startsWith('20 ') === true) await store.flush?.();
    }
    expect(await store.events(id, record.incarnation)).toEqual(events);
    expect([...fake.objects(BUCKET).keys()].length).toBeGreaterThan(3);
  });

  it('loses nothing and tells nothing twice when requests and answers are lost', async () => {
    const fake = await fakeS3();
    const store = openS3(fake.endpoint);
    const events = Array.from({ length: 9 }, (_, n) => sampleEvent(record, String(n)));
    const faults: readonly (S3Fault | undefined)[] = [
      'lost-answer',
      undefined,
      'lost-request',
      BUSY,
      undefined,
      'lost-answer',
      'lost-answer',
    ];
    let puts = 0;
    fake.fault = ({ action }) => (action === 'PutObject' ? faults[puts++] : undefined);
    for (const event of events) {
      store.append(event);
      await store.flush?.();
    }
    expect(await openS3(fake.endpoint).events(id, record.incarnation)).toEqual(events);
  });

  it('catches up once S3 can be written again', async () => {
    const fake = await fakeS3();
    const store = openS3(fake.endpoint);
    fake.fault = () => DENIED;
    store.append(sampleEvent(record, 'one'));
    await store.flush?.();
    fake.fault = undefined;
    store.append(sampleEvent(record, 'two'));
    expect((await store.events(id, record.incarnation)).map(({ message }) => message)).toEqual(['one', 'two']);
  });

  it('is followed through moments in which S3 does not answer', async () => {
    const fake = await fakeS3();
    const [store, other] = [openS3(fake.endpoint, systemClock, { pollMs: 10 }), openS3(fake.endpoint)];
    const stop = new AbortController();
    const seen: (string | undefined)[] = [];
    const following = (async () => {
      for await (const event of store.follow(id, record.incarnation, stop.signal, 'start')) {
        seen.push(event.message);
        fake.fault = seen.length === 1 ? ({ action }) => (action === 'ListObjectsV2' ? DENIED : undefined) : undefined;
        if (seen.length === 1) {
          other.append(sampleEvent(record, 'two'));
          await other.flush?.();
          setTimeout(() => (fake.fault = undefined), 25);
        } else stop.abort();
      }
    })();
    other.append(sampleEvent(record, 'one'));
    await other.flush?.();
    await following;
    expect(seen).toEqual(['one', 'two']);
  });

  it('is no longer followed as soon as the signal aborts, though S3 does not answer', async () => {
    const fake = await fakeS3();
    const store = openS3(fake.endpoint);
    const stop = new AbortController();
    let release = (): void => {};
    const asked = new Promise<void>((resolve) => {
      fake.before = () => {
        resolve();
        return new Promise((done) => (release = done));
      };
    });
    const following = (async () => {
      for await (const event of store.follow(id, record.incarnation, stop.signal, 'start')) expect(event).toBeUndefined();
    })();
    await asked;
    stop.abort();
    await following;
    release();
  });

  it('tells to a follower what this process appended after the call, though nothing was written before it', async () => {
    const fake = await fakeS3();
    const store = openS3(fake.endpoint, systemClock, { flushMs: 10, pollMs: 10 });
    const stop = new AbortController();
    store.append(sampleEvent(record, 'before'));
    const following = store.follow(id, record.incarnation, stop.signal);
    store.append(sampleEvent(record, 'after'));
    for await (const event of following) {
      expect(event.message).toBe('after');
      stop.abort();
    }
  });
});

it('is settled once, whoever settles, and by whatever answers are lost', async () => {
  const fake = await fakeS3();
  const [store, other] = [openS3(fake.endpoint), openS3(fake.endpoint)];
  failing(fake, 'PutObject', 'lost-answer');
  await store.settle({ ...sampleEntry(record), cost: 1 });
  await other.settle({ ...sampleEntry(record), cost: 2 });
  expect((await store.ledger()).map(({ cost }) => cost)).toEqual([1]);
});

it('is one state to every machine, whatever folders they have', async () => {
  const fake = await fakeS3();
  const [laptop, ci] = [openS3(fake.endpoint), openS3(fake.endpoint, systemClock, { prefix: 'spins/dev' })];
  expect(laptop.location).toBe(`s3://${BUCKET}/spins/dev`);
  expect(ci.location).toBe(laptop.location);
  await laptop.write(undefined, fresh);
  expect((await ci.list()).records.map((stored) => stored.record.id)).toEqual(['web']);
  expect((await openS3(fake.endpoint, systemClock, { prefix: 'spins/prod' }).list()).records).toEqual([]);
});

it('prunes a journal by the time of its last segment where the ledger has no entry', async () => {
  let now = START;
  const fake = await fakeS3({ now: () => now });
  const store = openS3(fake.endpoint);
  const incarnation = makeIncarnation(START);
  store.append(sampleEvent({ ...record, incarnation }, 'one'));
  await store.flush?.();
  now += 10_000;
  const ahead = Date.now() - now;
  expect(await store.prune(START + ahead - 5_000)).toBe(0);
  expect(await store.prune(START + ahead + 60_000)).toBe(1);
  expect([...fake.objects(BUCKET).keys()]).toEqual([]);
});
