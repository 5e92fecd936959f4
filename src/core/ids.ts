import { SpinError } from './errors.ts';

// Loading node:crypto takes 5 ms, which a command that makes no ID and no digest need not wait for.
const crypto = () => process.getBuiltinModule('node:crypto');

/** A validated spin ID: 1 to 63 of `a-z 0-9 -`, starting and ending with a letter or digit. */
export type SpinId = string & { readonly __spinId: true };

/** One life of a spin ID: a ULID (26 Crockford base-32 characters, lower case, sorts by time). */
export type Incarnation = string & { readonly __incarnation: true };

const SPIN_ID = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const INCARNATION = /^[0-9a-hjkmnp-tv-z]{26}$/;
const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';

/** True where `text` may name a spin. The form keeps an ID inside its folder and valid as a tag value and DNS label. */
export function isSpinId(text: string): text is SpinId {
  return SPIN_ID.test(text);
}

/**
 * Validates a spin ID.
 * @throws SpinError `id-invalid`, with the nearest valid ID as a hint.
 */
export function parseSpinId(text: string): SpinId {
  if (isSpinId(text)) return text;
  const near = slug(text);
  throw new SpinError(
    'id-invalid',
    `spin ID ${JSON.stringify(text)} is not valid: use 1 to 63 of a-z, 0-9 and -, starting and ending with a letter or digit`,
    {
      ...(near === '' ? {} : { hint: `try ${near}` }),
      data: { id: text },
    },
  );
}

/** True where `text` may name an incarnation: it becomes the name of a file, and tags that anyone can write tell it. */
export function isIncarnation(text: string): text is Incarnation {
  return INCARNATION.test(text);
}

/** The nearest text that is a valid spin ID, or '' where nothing of `text` can be kept. */
export function slug(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 63)
    .replace(/-+$/, '');
}

/**
 * Makes an incarnation from a time and 10 random bytes.
 * @param now milliseconds since the epoch
 * Form: https://github.com/ulid/spec (48 bits of time, 80 of randomness), lower case.
 */
export function makeIncarnation(now: number, random: Uint8Array = crypto().randomBytes(10)): Incarnation {
  let time = '';
  for (let rest = now, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = CROCKFORD.charAt(rest % 32) + time;
  return (time + base32(random).slice(0, 16)) as Incarnation;
}

/**
 * A name that no other file has or had: 48 bits of time, 80 of chance. They need not be secret, so no cryptography is loaded for them.
 * @param now milliseconds since the epoch
 */
export function makeFileName(now: number): string {
  return makeIncarnation(
    now,
    Uint8Array.from({ length: 10 }, () => Math.floor(Math.random() * 256)),
  );
}

/** When an incarnation began, in milliseconds since the epoch; NaN where the text is not one. */
export function incarnationTime(incarnation: Incarnation): number {
  if (incarnation.length !== 26) return Number.NaN;
  let time = 0;
  for (let i = 0; i < 10; i++) {
    const value = CROCKFORD.indexOf(incarnation.charAt(i));
    if (value === -1) return Number.NaN;
    time = time * 32 + value;
  }
  return time;
}

/** A 32-hex-digit trace ID, the form of W3C Trace Context. */
export function makeTraceId(random: Uint8Array = crypto().randomBytes(16)): string {
  return Buffer.from(random).toString('hex');
}

/**
 * The client token of one creating request: the same four facts always give the same token, so a request
 * that is sent again is answered with what the first one made. 40 lower-case base-32 characters (200 bits),
 * within the 64 ASCII characters that EC2 allows.
 */
export function clientToken(id: SpinId, incarnation: Incarnation, address: string, generation: number): string {
  return digest(['token', id, incarnation, address, String(generation)]).slice(0, 40);
}

/** A stable digest of a list of texts or of any JSON value: SHA-256, base-32, 51 characters. */
export function digest(value: unknown): string {
  return base32(crypto().createHash('sha256').update(canonicalJson(value)).digest());
}

/** JSON with sorted keys and no undefined members, so that equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}

function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += CROCKFORD.charAt((held >>> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  return text;
}
