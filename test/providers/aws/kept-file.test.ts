import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { addKept, isWithin, keptFile, readKept } from '../../../src/providers/aws/kept-file.ts';
import { awsOptions } from './client/endpoint.ts';
import { FORM } from './kept-form.ts';

function folderFor(): string {
  const folder = mkdtempSync(join(tmpdir(), 'spin-kept-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('a kept file', () => {
  test('holds what was added, the younger of two', async () => {
    const file = join(folderFor(), 'a', 'b.json');
    await addKept(file, { one: { text: 'new', at: 2 }, two: { text: 'x', at: 1 } }, FORM);
    await addKept(file, { one: { text: 'old', at: 1 }, three: { text: 'y', at: 1 } }, FORM);
    expect(await readKept(file, FORM)).toEqual({ one: { text: 'new', at: 2 }, two: { text: 'x', at: 1 }, three: { text: 'y', at: 1 } });
  });

  test('is whole whenever it is read, and nothing else is left, whoever writes at one time', async () => {
    const folder = folderFor();
    const file = join(folder, 'b.json');
    await addKept(file, { first: { text: 'x', at: 1 } }, FORM);
    const writers = ['a', 'b'].map((name) =>
      promisify(execFile)(process.execPath, [join(import.meta.dirname, 'adder.ts'), file, name, '100']),
    );
    let busy = true;
    const done = Promise.all(writers).finally(() => (busy = false));
    while (busy) {
      JSON.parse(readFileSync(file, 'utf8'));
      await addKept(file, { here: { text: 'z', at: 1 } }, FORM);
    }
    await done;
    // One may have written without having seen the other: that costs a question, and nothing else.
    expect(Object.entries(await readKept(file, FORM)).map(([name, { text }]) => [name, text[0]])).toContainEqual(['first', 'x']);
    expect(readdirSync(folder)).toEqual(['b.json']);
  });

  test('is whole too where one process writes several times at once', async () => {
    const folder = folderFor();
    const file = join(folder, 'b.json');
    await addKept(file, { first: { text: 'x', at: 1 } }, FORM);
    let busy = true;
    const names = Array.from({ length: 20 }, (_, n) => `n${n}`);
    const done = Promise.all(names.map((name, at) => addKept(file, { [name]: { text: name.repeat(100_000 * at), at } }, FORM))).finally(
      () => (busy = false),
    );
    while (busy) {
      expect(await readKept(file, FORM)).toHaveProperty('first');
    }
    await done;
    expect(readdirSync(folder)).toEqual(['b.json']);
  });

  test('is done without where it cannot be read or written', async () => {
    const folder = folderFor();
    writeFileSync(join(folder, 'taken'), '');
    const file = join(folder, 'taken', 'b.json');
    await addKept(file, { one: { text: 'x', at: 1 } }, FORM);
    expect(await readKept(file, FORM)).toEqual({});
    const inTheWay = join(folder, 'c.json');
    mkdirSync(inTheWay);
    await addKept(inTheWay, { one: { text: 'x', at: 1 } }, FORM);
    expect(readdirSync(folder).toSorted()).toEqual(['c.json', 'taken']);
  });

  test('is another one for each region, each endpoint of the services, and each caller', () => {
    const services = ['EC2', 'Service Quotas'];
    const at = (env: Record<string, string>, region = 'eu-west-1', whose = 'a') =>
      keptFile(awsOptions('/cache', env), 'answers', region, services, whose);
    const plain = at({});
    expect(plain).toMatch(/^\/cache\/answers\/eu-west-1-[0-9a-z]{8}\.json$/);
    const files = [
      plain,
      at({}, 'eu-west-2'),
      at({}, 'eu-west-1', 'b'),
      at({ AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }),
      at({ AWS_ENDPOINT_URL_EC2: 'http://127.0.0.1:1' }),
      at({ AWS_ENDPOINT_URL_SERVICE_QUOTAS: 'http://127.0.0.1:1' }),
    ];
    expect(new Set(files).size).toBe(files.length);
    expect(at({ AWS_ENDPOINT_URL_RDS: 'http://127.0.0.1:1' })).toBe(plain);
    expect(at({ AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' })).toBe(plain);
  });

  test('counts for its time, and not from the future', () => {
    expect([isWithin(10, 5, 14), isWithin(10, 5, 15), isWithin(10, 5, 9)]).toEqual([true, false, false]);
  });
});
