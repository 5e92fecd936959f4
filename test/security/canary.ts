/** Secrets that cannot be taken for anything else, and where they turn up. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A value that no other run of a test has, with what has to be written otherwise in JSON, XML, URLs and shells. */
export function canary(name: string): string {
  return `c4n4ry-${name}-${randomBytes(9).toString('hex')}"$&<é x`;
}

/** Which of some values, by their names, a text holds: as they are, escaped, encoded, or within what is packed into the text. */
export function heldIn(text: string | Uint8Array, values: Iterable<readonly [string, string]>): readonly string[] {
  const layers = layersOf(Buffer.from(text), 4);
  return [...values].flatMap(([name, value]) => {
    const forms = formsOf(value);
    return layers.some((layer) => forms.some((form) => layer.includes(form))) ? [name] : [];
  });
}

/** The files below a folder that hold a value, in any form but a packed one; relative to the folder. */
export function filesWith(folder: string, value: string): readonly string[] {
  const forms = formsOf(value);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => {
      const bytes = bytesOf(file);
      return forms.some((form) => bytes.includes(form));
    })
    .map((file) => relative(folder, file));
}

/** How a value may be written. */
function formsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  // In base64 three bytes are four letters: how a value looks there depends on how many bytes stand before it.
  const inBase64 = [0, 1, 2].flatMap((before) =>
    (['base64', 'base64url'] as const).map((encoding) =>
      Buffer.concat([Buffer.alloc(before), bytes])
        .toString(encoding)
        .slice(before === 0 ? 0 : before + 1)
        .replace(/.{2}=*$/, ''),
    ),
  );
  const form = new URLSearchParams({ '': value }).toString().slice(1);
  const xml = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
  const hex = bytes.toString('hex');
  return [...new Set([value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), form, xml, hex, ...inBase64])];
}

/** A text, and what it is or holds in another encoding, down to some depth. */
function layersOf(bytes: Buffer, depth: number): readonly Buffer[] {
  if (depth === 0) return [bytes];
  const text = bytes.toString('latin1');
  const inner = [
    ...(text.includes('%') ? [withoutPercents(text)] : []),
    ...(text.match(/[\w+/-]{24,}={0,2}/g) ?? []).map((run) => Buffer.from(run, 'base64')),
    ...(bytes[0] === 0x1f && bytes[1] === 0x8b ? [unpacked(bytes)] : []),
  ];
  return [bytes, ...inner.flatMap((layer) => layersOf(layer, depth - 1))];
}

/** @param text one character a byte */
function withoutPercents(text: string): Buffer {
  const decoded = text
    .replaceAll('+', ' ')
    .replace(/%([\da-f]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(decoded, 'latin1');
}

/** Nothing of what only begins as compressed data does. */
function unpacked(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes);
  } catch {
    return Buffer.alloc(0);
  }
}

/** What a file holds; nothing where it cannot be read. */
export function bytesOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    return Buffer.alloc(0);
  }
}
