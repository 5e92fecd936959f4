import { describe, expect, it } from 'vitest';
import { isSpinError } from '../../src/core/errors.ts';
import { parseSpinId } from '../../src/core/ids.ts';
import { decodeOutline, decodeRecord, encodeRecord, REMOVED, stampOf } from '../../src/store/record-file.ts';
import type { ServiceSpec } from '../../src/spec/spec.ts';
import type { ResourceRecord, SpinRecord } from '../../src/store/record.ts';
import { specOf } from '../plan/specs.ts';
import { sampleLease, sampleRecord, sampleResources, there } from './samples.ts';

const id = parseSpinId('web');
const stamp = '01arz3ndektsv4rrffq69g5fav';
const file = '/state/spins/web/record.x.1.json';
const stored = { record: sampleRecord({ resources: sampleResources() }), lease: sampleLease(), fence: 1 };

/** The error of reading `text`; it must be one for the user. */
function problemOf(text: string): { readonly code: string; readonly message: string } {
  try {
    decodeRecord(text, file, id);
  } catch (thrown) {
    if (isSpinError(thrown)) return thrown;
    throw thrown;
  }
  return expect.fail(`was read: ${text}`);
}

/** The text of the sample with one member, given by its path, set to another value or deleted. */
function changed(path: readonly string[], value: unknown): string {
  const document = JSON.parse(encodeRecord(stored, stamp)) as unknown;
  let inner = document as Record<string, unknown>;
  for (const name of path.slice(0, -1)) inner = inner[name] as Record<string, unknown>;
  inner[path.at(-1) ?? ''] = value;
  return JSON.stringify(document);
}

it('reads what it wrote, with and without a lease', () => {
  expect(decodeRecord(encodeRecord(stored, stamp), file, id)).toEqual(stored);
  expect(decodeRecord(encodeRecord({ ...stored, lease: undefined }, stamp), file, id)).toEqual({ ...stored, lease: undefined });
});

it('finds its stamp again, and none in what others wrote', () => {
  expect(stampOf(encodeRecord(stored, stamp))).toBe(stamp);
  expect([REMOVED, '', '{"schema":1}', encodeRecord(stored, stamp).slice(0, 20)].map(stampOf)).toEqual(['', '', '', '']);
});

it('reads a removal mark as nothing', () => {
  expect(decodeRecord(REMOVED, file, id)).toBeUndefined();
});

it('takes a text that was cut at any byte for damaged, never for another record or for none', () => {
  const bytes = Buffer.from(encodeRecord(stored, stamp));
  // The last byte is the newline, which carries nothing.
  for (let length = 0; length < bytes.length - 1; length++) {
    expect(problemOf(bytes.subarray(0, length).toString()).code).toBe('record-damaged');
  }
  for (let length = 0; length < REMOVED.length; length++) expect(problemOf(REMOVED.slice(0, length)).code).toBe('record-damaged');
});

it('names the file, the spin and the place of the damage', () => {
  expect(problemOf(changed(['record', 'resources', 'secret.b@1', 'status'], 'hatching')).message).toBe(
    `the record of web is damaged: record.resources["secret.b@1"].status is "hatching" (${file})`,
  );
});

describe('a record is damaged where', () => {
  it.each<[string, readonly string[], unknown]>([
    ['the ID is of another spin', ['record', 'id'], 'db'],
    ['the ID would leave its folder', ['record', 'id'], '../db'],
    ['the incarnation would leave its folder', ['record', 'incarnation'], '../../../../etc/passwd00000'],
    ['the fence is missing', ['fence'], undefined],
    ['the lease is half there', ['lease', 'holder', 'pid'], undefined],
    ['the lease is no object', ['lease'], null],
    ['a time is no number', ['record', 'deadline'], '2026-01-01'],
    ['the desired state is unknown', ['record', 'desired'], 'sideways'],
    ['the spec has no services', ['asked', 'spec', 'services'], undefined],
    ['the resources are a list', ['record', 'resources'], []],
    ['a resource is null', ['record', 'resources', 'secret.a@1'], null],
    ['a resource stands under another key', ['record', 'resources', 'secret.z@1'], sampleResources()['secret.a@1']],
    ['a booting resource has no handle', ['record', 'resources', 'secret.b@1', 'handle'], undefined],
    ['a ready resource has no endpoints', ['record', 'resources', 'secret.c@1', 'endpoints'], undefined],
    ['a failed resource has no fault', ['record', 'resources', 'secret.d@1', 'fault'], undefined],
    ['a price is a text', ['record', 'resources', 'secret.a@1', 'hourly'], '1.50'],
    ['a spent interval has no end', ['record', 'spent'], [{ resource: 'a', from: 1, hourly: 0 }]],
    ['there is no schema', ['schema'], 0],
  ])('%s', (_, path, value) => {
    const text = path[0] === 'schema' ? '{"record":{}}' : changed(path, value);
    expect(problemOf(text)).toMatchObject({ code: 'record-damaged' });
  });

  it.each(['null', '[]', '7', '"text"', '{}', '{"schema":1}', '\u0000\u0000\u0000'])('the text is %j', (text) => {
    expect(problemOf(text)).toMatchObject({ code: 'record-damaged' });
  });
});

it('refuses a newer schema, wherever it is named, whatever else stands there', () => {
  expect(problemOf(changed(['schema'], 2))).toMatchObject({ code: 'record-newer', exit: 1 });
  expect(problemOf(changed(['record', 'schema'], 99)).message).toBe(`the record of web has schema 99, and this spin knows 1 (${file})`);
  expect(problemOf('{"schema":3,"everything":"else"}').code).toBe('record-newer');
});

/** A record whose resource runs the spec's own service. */
function served(): { readonly record: SpinRecord; readonly own: ResourceRecord; readonly service: ServiceSpec } {
  const spec = specOf({ web: {} });
  const service = there(spec.services['web']);
  const base = there(sampleResources()['secret.e@1']);
  const own: ResourceRecord = {
    ...base,
    key: 'service.web@1',
    kind: 'service',
    desire: { kind: 'service', service: structuredClone(service), baseDir: '/' },
  };
  return { record: { ...stored.record, spec, resources: { [own.key]: own } }, own, service };
}

it("writes a service that is the spec's own once, and one of an older spec in full", () => {
  const { record, own, service } = served();
  const desire = { kind: 'service' as const, service: { ...service, env: { OLD: '1' } }, baseDir: '/' };
  const both = { ...record, resources: { ...record.resources, 'service.web@9': { ...own, key: 'service.web@9', desire } } };
  const text = encodeRecord({ ...stored, record: both }, stamp);
  expect(JSON.parse(text)).toMatchObject({
    asked: { desires: { 'service.web@1': { service: 'web' }, 'service.web@9': { service: { env: { OLD: '1' } } } } },
  });
  expect(decodeRecord(text, file, id)?.record).toEqual(both);
});

it('refuses a service that is named and not in the spec', () => {
  const text = encodeRecord({ ...stored, record: served().record }, stamp).replace('"service":"web"', '"service":"nobody"');
  expect(problemOf(text).code).toBe('record-damaged');
});

describe('an outline', () => {
  const text = encodeRecord({ ...stored, record: served().record }, stamp);

  it('is the record without what was asked for', () => {
    const { spec: _spec, resources, ...record } = served().record;
    const { desire: _desire, ...own } = there(resources['service.web@1']);
    expect(decodeOutline(text, file, id)).toEqual({ ...record, resources: { 'service.web@1': own } });
  });

  it('ends where it ends, whatever texts are in it', () => {
    const { record } = served();
    const tricky = { ...record, owner: ',"asked":{"spec":{', tags: { ',"asked":{"spec":{': ',"asked":{"spec":{' } };
    expect(decodeOutline(encodeRecord({ ...stored, record: tricky }, stamp), file, id)).toMatchObject({
      owner: tricky.owner,
      tags: tricky.tags,
    });
  });

  it('is damaged or whole where the text is cut short, at every byte', () => {
    for (let end = 0; end < text.length - 1; end++) {
      expect(() => decodeOutline(text.slice(0, end), file, id)).toThrow(/damaged/);
    }
  });

  it('is refused where it is of a newer spin, or of another', () => {
    const newer = text.replaceAll('"schema":1', '"schema":2');
    expect(() => decodeOutline(newer, file, id)).toThrow(/schema 2/);
    expect(() => decodeOutline(text, file, parseSpinId('other'))).toThrow(/record of web/);
    expect(decodeOutline(REMOVED, file, id)).toBeUndefined();
  });
});
