import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { canary, filesWith, heldIn } from './canary.ts';

const value = canary('here');
const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64');

const WAYS: Readonly<Record<string, string | Buffer>> = {
  'as it is': `before ${value} after`,
  'in JSON': JSON.stringify({ value: `a ${value}` }),
  'in a URL': `/?q=${encodeURIComponent(value)}&x=y`,
  'in a form': new URLSearchParams({ Action: 'X', Value: value }).toString(),
  'in XML': `<a>${value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')}</a>`,
  'in base64, one byte in': base64(`1${value}`),
  'in base64, two bytes in': base64(`12${value}3`),
  'in base64 of its own': base64(value),
  'in hexadecimal': Buffer.from(value).toString('hex'),
  'in user data': new URLSearchParams({ UserData: base64(`#cloud-config ${base64(JSON.stringify({ value }))}`) }).toString(),
  'in user data that is compressed': new URLSearchParams({ UserData: base64(gzipSync(`#cloud-config ${base64(value)}`)) }).toString(),
};

test.each(Object.entries(WAYS))('a canary is found %s', (_way, text) => {
  const another = canary('here');
  expect(heldIn(text, Object.entries({ value, another }))).toEqual(['value']);
});

test('a canary is found in the file that holds it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spin-canary-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'deep'));
  writeFileSync(join(folder, 'deep/one.json'), JSON.stringify({ value }));
  writeFileSync(join(folder, 'two'), base64(`x${value}`));
  writeFileSync(join(folder, 'three'), 'nothing');
  expect(filesWith(folder, value).toSorted()).toEqual(['deep/one.json', 'two']);
});
