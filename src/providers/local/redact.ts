import { SHORTEST_VALUE } from '../secret-source.ts';

/** A run of bytes or characters. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Finds the values of secrets in what services print. */
export interface Redactor {
  /** `text` with every value replaced by `***`. */
  text(text: string): string;
  /** True where `bytes` hold a value. */
  holds(bytes: Buffer): boolean;
  /** Where values stand in `bytes`; sorted, never overlapping. */
  spans(bytes: Buffer): readonly Span[];
  /** How many bytes at the end of `bytes` may be the beginning of a value; 0 where none. */
  openEnd(bytes: Buffer): number;
  /** Bytes of the longest form that is looked for; 0 without secrets. */
  readonly longest: number;
}

const SHORTEST_LINE = 8;

/**
 * Makes a redactor for the values of secrets. Each is found as it is, as JSON and as URLs escape it, and, where it has
 * several lines, line by line, because a service may print a key file indented or with a prefix.
 */
export function createRedactor(values: readonly string[]): Redactor {
  const forms = [...new Set(values.flatMap(formsOf))].toSorted((a, b) => b.length - a.length);
  const patterns = forms.map((form) => Buffer.from(form, 'utf8'));
  const longest = patterns.reduce((most, pattern) => Math.max(most, pattern.length), 0);
  const spans = (bytes: Buffer): readonly Span[] =>
    merge(patterns.flatMap((pattern) => occurrences(pattern.length, (from) => bytes.indexOf(pattern, from))));
  return {
    longest,
    spans,
    holds: (bytes) => patterns.some((pattern) => bytes.includes(pattern)),
    text: (text) => mask(text, merge(forms.flatMap((form) => occurrences(form.length, (from) => text.indexOf(form, from))))),
    openEnd: (bytes) => patterns.reduce((most, pattern) => Math.max(most, openEnd(bytes, pattern)), 0),
  };
}

function formsOf(value: string): readonly string[] {
  const lines = value.split(/\r?\n/).filter((line, _, all) => all.length > 1 && line.length >= SHORTEST_LINE);
  return [value, ...lines]
    .filter((part) => part.length >= SHORTEST_VALUE)
    .flatMap((part) => {
      const json = JSON.stringify(part).slice(1, -1);
      return [part, json, asciiJson(json), encodeURIComponent(part.toWellFormed()), new URLSearchParams([['', part]]).toString().slice(1)];
    });
}

/** JSON as encoders write it that keep to ASCII. */
function asciiJson(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function occurrences(length: number, next: (from: number) => number): readonly Span[] {
  const found: Span[] = [];
  // One step on, not one length: a value that overlaps itself leaves no rest uncovered.
  for (let at = next(0); at !== -1; at = next(at + 1)) found.push({ start: at, end: at + length });
  return found;
}

function merge(spans: readonly Span[]): readonly Span[] {
  const merged: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1);
    if (last !== undefined && span.start < last.end) merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, span.end) };
    else merged.push(span);
  }
  return merged;
}

function mask(text: string, spans: readonly Span[]): string {
  if (spans.length === 0) return text;
  let masked = '';
  let from = 0;
  for (const { start, end } of spans) {
    masked += `${text.slice(from, start)}***`;
    from = end;
  }
  return masked + text.slice(from);
}

/** The longest end of `bytes` that is a beginning of `pattern`, but not all of it. */
function openEnd(bytes: Buffer, pattern: Buffer): number {
  const first = pattern[0] ?? 0;
  for (let at = bytes.indexOf(first, Math.max(0, bytes.length - pattern.length + 1)); at !== -1; at = bytes.indexOf(first, at + 1)) {
    if (bytes.compare(pattern, 0, bytes.length - at, at) === 0) return bytes.length - at;
  }
  return 0;
}
