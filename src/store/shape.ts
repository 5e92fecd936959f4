/**
 * A light check by hand of what stands on the disk, because it runs for every record of every `spin ls`. It is the border: what passes it
 * is used without a further look, so it has to tell what could not be used.
 */
import type { FaultNote } from '../core/events.ts';

export type Check = (value: unknown) => boolean;
/** A field that is added to a type and not to the table of its checks does not compile. */
export type Fields<Key extends string = string> = Readonly<Record<Key, Check>>;
export type Members = Readonly<Record<string, unknown>>;

/** The end of the year 9999: no deadline and no `keep` tag lies behind it, and every sum of times stays one that can be written. */
const LATEST = 253_402_300_800_000;

export const text: Check = (value) => typeof value === 'string';
export const flag: Check = (value) => typeof value === 'boolean';
/** JSON has numbers that are read as Infinity. */
export const number: Check = (value) => Number.isFinite(value);
export const count: Check = (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
/** Instances: what a damaged digit asks for beyond what a spec can say, nobody wants to pay. */
export const instances: Check = (value) => count(value) && Number(value) <= 1_000;
/** Milliseconds since the epoch. */
export const time: Check = (value) => typeof value === 'number' && value >= 0 && value <= LATEST;
/** Nano-dollars, or milliseconds: as far as either is counted exactly. */
export const amount: Check = (value) => typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
export const price: Check = (value) => value === 'unknown' || amount(value);

export const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

export const oneOf = (words: readonly unknown[]): Check => {
  const known = new Set(words);
  return (value) => known.has(value);
};

export const either =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.some((check) => check(value));

export const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every((item) => check(item));

/** An object with any names. */
export const mapOf =
  (check: Check): Check =>
  (value) => {
    if (!isMembers(value)) return false;
    for (const name in value) if (!check(value[name])) return false;
    return true;
  };

/** An object with these fields, and with others that nobody reads. */
export const shaped =
  (fields: Fields): Check =>
  (value) =>
    fits(value, fields);

/** The fields of one of several forms, told apart by the value of one of them. */
export const formed =
  (by: string, forms: Readonly<Record<string, Fields>>): Check =>
  (value) => {
    const form = isMembers(value) ? value[by] : undefined;
    return typeof form === 'string' && Object.hasOwn(forms, form) && fits(value, forms[form] ?? {});
  };

/** A failure as events and records carry it. */
export const faultNote: Check = shaped({ class: text, message: text, lastLines: maybe(listOf(text)) } satisfies Fields<keyof FaultNote>);

/** What is wrong with a value, by its path; undefined where all is well. */
export function wrongIn(value: unknown, fields: Fields, path: string): string | undefined {
  if (!isMembers(value)) return `${path.slice(0, -1)} is not an object`;
  const name = Object.keys(fields).find((field) => fields[field]?.(value[field]) !== true);
  if (name === undefined) return undefined;
  return value[name] === undefined ? `${path}${name} is missing` : `${path}${name} is ${(JSON.stringify(value[name]) ?? '').slice(0, 60)}`;
}

/** As wrongIn without words, for the many that are right. */
export function fits(value: unknown, fields: Fields): value is Members {
  if (!isMembers(value)) return false;
  for (const name in fields) if (fields[name]?.(value[name]) !== true) return false;
  return true;
}

export function memberOf(value: unknown, name: string): unknown {
  return isMembers(value) ? value[name] : undefined;
}

/** True for an object that is no list. */
export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
