import { parseDuration } from '../core/duration.ts';
import { type NanoUsd, usd } from '../core/money.ts';
import { parseSize } from '../core/size.ts';
import { didYouMean, showValue } from './problems.ts';
import type { Command } from './spec.ts';

/**
 * Reads one value of a spec, a config file or a variable: the one place that knows both what is accepted and how to say so.
 * `json` is the same in JSON Schema.
 */
export interface Reader<T> {
  readonly json: Readonly<Record<string, unknown>>;
  read(value: unknown): Reading<T>;
}

export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string; readonly suggestion?: string };

/** What an editor has to let pass where a number or flag is made by interpolation. */
const INTERPOLATED = { type: 'string', pattern: '\\$\\{' } as const;

/** A duration with units, between two others, in milliseconds. Timers of the runtime overflow at 24.8 days, hence the default ceiling. */
export function duration(least: string, most = '1d'): Reader<number> {
  const expected = 'a duration such as 90s, 5m or 1h30m';
  return {
    json: { type: 'string', pattern: '^((\\d+(\\.\\d+)?(ms|[smhdw]))+|.*\\$\\{.*\\}.*)$' },
    read(value) {
      const bare = typeof value === 'number' ? String(value) : typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? value : undefined;
      if (bare !== undefined) return refuse(`${bare} has no unit`, `write ${bare}s, ${bare}m or ${bare}h`);
      if (typeof value !== 'string') return mustBe(expected, value);
      const ms = parseDuration(value);
      if (ms === undefined) {
        const compact = value
          .toLowerCase()
          .replace(/\s+/g, '')
          .replace(/(?:seconds?|secs?)/, 's')
          .replace(/(?:minutes?|mins?)/, 'm')
          .replace(/(?:hours?|hrs?)/, 'h')
          .replace(/days?/, 'd');
        return mustBe(expected, value, parseDuration(compact) === undefined ? undefined : `write ${compact}`);
      }
      if (ms < (parseDuration(least) ?? 0)) return refuse(`${value} is too short`, `write ${least} or more`);
      if (ms > (parseDuration(most) ?? 0)) return refuse(`${value} is too long`, `write ${most} or less`);
      return accept(ms);
    },
  };
}

/** The TTL of a spin, in milliseconds. */
export const ttlReader = duration('1s', '365d');

/** A size with its unit, in bytes. */
export const size: Reader<number> = {
  json: { type: 'string', pattern: '^(\\d+(\\.\\d+)?([KMGT]i?)?B|.*\\$\\{.*\\}.*)$' },
  read(value) {
    const bytes = typeof value === 'string' ? parseSize(value) : undefined;
    if (bytes !== undefined) return bytes > 0 ? accept(bytes) : refuse(`${showValue(value)} is too small`, 'write 1B or more');
    const short = /^(\d+(?:\.\d+)?)\s*([KMGT])?i?b?$/i.exec(written(value));
    const unit = short?.[2]?.toUpperCase() ?? 'M';
    return mustBe('a size such as 512MiB or 2GB', value, short === null ? undefined : `write ${short[1]}${unit}iB`);
  },
};

/** A whole number; also as text, which is what interpolation makes. */
export function whole(min: number, max: number): Reader<number> {
  return {
    json: { anyOf: [{ type: 'integer', minimum: min, maximum: max }, INTERPOLATED] },
    read(value) {
      const number = numberOf(value);
      return number !== undefined && Number.isInteger(number) && number >= min && number <= max
        ? accept(number)
        : mustBe(`a whole number from ${min} to ${max}`, value);
    },
  };
}

/** A number above zero. */
export const positive: Reader<number> = {
  json: { anyOf: [{ type: 'number', exclusiveMinimum: 0 }, INTERPOLATED] },
  read(value) {
    const number = numberOf(value);
    return number !== undefined && number > 0 ? accept(number) : mustBe('a number above zero', value);
  },
};

/** An amount in USD, in nano-dollars. */
export const dollars: Reader<NanoUsd> = {
  json: { anyOf: [{ type: 'number', minimum: 0 }, INTERPOLATED] },
  read(value) {
    const number = numberOf(value);
    if (number !== undefined && number >= 0 && Number.isSafeInteger(usd(number))) return accept(usd(number));
    const bare = typeof value === 'string' ? /^\$\s*(\d+(?:\.\d+)?)$|^(\d+(?:\.\d+)?)\s*(?:\$|usd)$/i.exec(value) : null;
    return mustBe('an amount in USD, such as 2.50', value, bare === null ? undefined : `write ${bare[1] ?? bare[2]}`);
  },
};

export const flag: Reader<boolean> = {
  json: { anyOf: [{ type: 'boolean' }, INTERPOLATED] },
  read(value) {
    if (value === true || value === 'true') return accept(true);
    if (value === false || value === 'false') return accept(false);
    const word = written(value).toLowerCase();
    return mustBe(
      'true or false',
      value,
      ['yes', 'on'].includes(word) ? 'write true' : ['no', 'off'].includes(word) ? 'write false' : undefined,
    );
  },
};

/** One of a few words. */
export function word<const W extends string>(words: readonly W[]): Reader<W> {
  return {
    json: { enum: words },
    read(value) {
      const found = words.find((known) => known === value);
      if (found !== undefined) return accept(found);
      // Words such as SIGTERM and always are often written in the other case, which is near enough too.
      return mustBe(`one of ${words.join(', ')}`, value, typeof value === 'string' ? didYouMean(value, words) : undefined);
    },
  };
}

/** Text that is not empty and holds no NUL. */
export const text: Reader<string> = {
  json: { type: 'string', minLength: 1 },
  read: (value) =>
    typeof value === 'string' && value !== '' && !value.includes('\0') ? accept(value) : mustBe('text', value, quoted(value)),
};

/** Text of a given form. */
export function form(pattern: RegExp, expected: string, fix?: (value: string) => string): Reader<string> {
  return {
    json: { type: 'string', pattern: `${pattern.source}|\\$\\{` },
    read(value) {
      if (typeof value === 'string' && pattern.test(value) && !value.includes('\0')) return accept(value);
      const fixed = typeof value === 'string' ? fix?.(value) : undefined;
      return mustBe(expected, value, fixed !== undefined && pattern.test(fixed) ? `write ${fixed}` : undefined);
    },
  };
}

/** Texts of a given form: a list, or one text with commas. */
export function texts(pattern: RegExp, expected: string): Reader<readonly string[]> {
  const item = { type: 'string', pattern: pattern.source };
  return {
    json: { anyOf: [{ type: 'array', items: item, minItems: 1 }, { type: 'string' }] },
    read(value) {
      const items = Array.isArray(value) ? value : typeof value === 'string' ? value.split(',').map((part) => part.trim()) : undefined;
      const read = items?.flatMap((each) => (typeof each === 'string' && pattern.test(each) ? [each] : []));
      return read === undefined || read.length === 0 || read.length !== items?.length ? mustBe(expected, value) : accept(read);
    },
  };
}

/** The value of a variable or tag: any text, empty too; numbers and booleans are taken as they are written. */
export const plainText: Reader<string> = {
  json: { type: ['string', 'number', 'boolean'] },
  read(value) {
    if (typeof value === 'number' || typeof value === 'boolean') return accept(String(value));
    if (typeof value !== 'string') return mustBe('text', value, value === undefined ? `write '' for an empty value` : undefined);
    return value.includes('\0') ? refuse('holds a NUL character') : accept(value);
  },
};

const TAG_NAME = /^(?!spin:)[^\s=,]{1,128}$/;

/** The name of a tag, wherever it is written: what starts with `spin:` says whose a thing is, and is nobody's to set. */
export const tagName = form(TAG_NAME, 'the name of a tag: up to 128 characters without spaces, = and ,; spin: is taken');

/** A path; `~` is the shell's, not ours. */
export const path: Reader<string> = {
  json: { type: 'string', minLength: 1 },
  read(value) {
    const read = text.read(value);
    return read.ok && /^~(?:\/|$)/.test(read.value)
      ? refuse(`${showValue(value)} starts with ~, which only a shell reads`, `write \${env.HOME}${read.value.slice(1)}`)
      : read;
  },
};

/** A command: a string for the shell, a list to execute as it is. */
export const command: Reader<Command> = {
  json: {
    anyOf: [
      { type: 'string', minLength: 1 },
      { type: 'array', minItems: 1, items: { type: ['string', 'number', 'boolean'] } },
    ],
  },
  read(value) {
    if (typeof value === 'string' && value.trim() !== '') return text.read(value);
    if (!Array.isArray(value)) return mustBe('a command: a string for the shell, or a list', value);
    const words: string[] = [];
    for (const item of value) {
      const read = plainText.read(item);
      if (!read.ok) return refuse(`must be a list of texts, and holds ${showValue(item)}`);
      words.push(read.value);
    }
    const [program, ...args] = words;
    return program === undefined || program === '' ? refuse('must name a program first') : accept([program, ...args]);
  },
};

/** The first of several readers that accepts; `expected` tells of all. */
export function either<A, B>(a: Reader<A>, b: Reader<B>, expected: string): Reader<A | B> {
  return {
    json: { anyOf: [a.json, b.json] },
    read(value) {
      const first = a.read(value);
      if (first.ok) return first;
      const second = b.read(value);
      if (second.ok) return second;
      return mustBe(expected, value, first.suggestion ?? second.suggestion);
    },
  };
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

/** A scalar as text. What is none may say how it wants to be written, and is not asked. */
function written(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function quoted(value: unknown): string | undefined {
  return typeof value === 'number' || typeof value === 'boolean' ? `write ${JSON.stringify(String(value))}` : undefined;
}

export function accept<T>(value: T): Reading<T> {
  return { ok: true, value };
}

export function refuse<T>(message: string, suggestion?: string): Reading<T> {
  return { ok: false, message, ...(suggestion === undefined ? {} : { suggestion }) };
}

function mustBe<T>(expected: string, value: unknown, suggestion?: string): Reading<T> {
  if (value === undefined || value === null) return refuse(`is missing: must be ${expected}`, suggestion);
  return refuse(`must be ${expected}, not ${showValue(value)}`, suggestion);
}
