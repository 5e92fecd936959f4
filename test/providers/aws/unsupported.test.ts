import { describe, expect, test } from 'vitest';
import { unsupported } from '../../../src/providers/aws/unsupported.ts';
import type { Health, ServiceSpec, Spec } from '../../../src/spec/spec.ts';
import { serviceSpec, SETTINGS } from './world.ts';

const dialled: Partial<ServiceSpec> = {
  port: 8080,
  health: {
    probe: { type: 'http', path: '/' },
    intervalMs: 1,
    timeoutMs: 1,
    healthyAfter: 1,
    unhealthyAfter: 1,
    deadlineMs: 1,
  } satisfies Health,
};

describe('what AWS cannot do of a spec', () => {
  test('is nothing where it can do everything', () => {
    expect(unsupported(spec({ ...dialled }), SETTINGS)).toEqual([]);
  });

  test.each([
    ['aws:x', '1', /keeps names that begin with aws:/],
    ['has space', '1', /letters, digits and/],
    ['a/b', '1', /letters, digits and/],
    ['_index', '1', /letters, digits and/],
    ['x'.repeat(129), '1', /up to 128/],
    ['ok', 'no <', /is no value of a tag/],
    ['ok', 'x'.repeat(257), /up to 256/],
  ])('the tag %s=%s', (key, value, why) => {
    expect(unsupported({ ...spec({}), tags: { [key]: value } }, SETTINGS)).toEqual([expect.stringMatching(why)]);
  });

  test('more tags than a resource may have beside ours', () => {
    const tags = Object.fromEntries(Array.from({ length: 42 }, (_, index) => [`tag${index}`, 'x']));
    expect(unsupported({ ...spec({}), tags }, SETTINGS)).toEqual([expect.stringContaining('room for 41')]);
  });

  test('a check from here that no firewall lets in', () => {
    const closed = { ...SETTINGS, checkFrom: [] };
    expect(unsupported(spec(dialled), closed)).toEqual([expect.stringContaining('aws.checkFrom')]);
    expect(unsupported(spec({ ...dialled, expose: { port: 'auto', host: '127.0.0.1' } }), closed)).toEqual([]);
    expect(unsupported(spec({ port: 8080 }), closed)).toEqual([]);
  });

  test('a port of a router that is not there', () => {
    const lines = unsupported(spec({ ...dialled, expose: { port: 443, host: '127.0.0.1' } }), SETTINGS);
    expect(lines).toEqual([expect.stringContaining('expose.port')]);
  });

  test('a disk for more than one instance, and folders as volumes', () => {
    const volumes = { volumes: [{ volume: 'data', variable: 'DATA_DIR' }], replicas: 2 };
    expect(unsupported(spec(volumes), SETTINGS)).toEqual([expect.stringContaining('attached to one instance')]);
    expect(unsupported({ ...spec({}), volumes: { data: { from: 'folder', path: '/x' } } }, SETTINGS)).toHaveLength(1);
  });

  test.each(['Last_words', 'last--words', 'last-', '1st', 'x'.repeat(243)])('a final snapshot named %s', (finalSnapshot) => {
    const databases = { db: { name: 'db', source: { from: 'snapshot', snapshot: 'seed' }, finalSnapshot } } as const;
    expect(unsupported({ ...spec({}), databases }, SETTINGS)).toEqual([expect.stringContaining('no name of a snapshot')]);
    expect(unsupported({ ...spec({}), databases: { db: { ...databases.db, finalSnapshot: 'Last-words-2' } } }, SETTINGS)).toEqual([]);
  });
});

function spec(service: Partial<ServiceSpec>): Spec {
  return {
    name: 'web',
    provider: 'aws',
    ttlMs: 1,
    owner: 'ada',
    tags: {},
    budget: {},
    secrets: {},
    volumes: {},
    databases: {},
    services: { web: serviceSpec({ name: 'web', ...service }) },
    baseDir: '/srv/project',
  };
}
