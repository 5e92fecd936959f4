import { type ErrorCode, rowOf } from '../core/error-codes.ts';
import { SpinError } from '../core/errors.ts';

/** Where in a document something stands: keys of maps and indices of lists, from the root. */
export type Path = readonly (string | number)[];

/** Something wrong with a document, not yet placed in its text. */
export interface Finding {
  readonly path: Path;
  /** Point at the key (or at the value, the default). */
  readonly part?: 'key' | 'value';
  /** Without the path; reads on after it: `must be ...`, `is missing`. */
  readonly message: string;
  /** The offending value as read. */
  readonly value?: unknown;
  /** What to write instead, as a phrase. */
  readonly suggestion?: string;
  /** A piece of the value's text to point at, such as `${env.PR}`. */
  readonly snippet?: string;
}

/** Something wrong, with its place; line and column count from 1, and are 0 where `file` is a variable or a flag. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `services.web.bootstrap[0].run`; empty for the document. */
  readonly path: string;
  readonly message: string;
  readonly value?: unknown;
  readonly suggestion?: string;
}

/** A path as people write it. */
export function showPath(path: Path): string {
  return path.reduce<string>((text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`), '');
}

/** A value as it stands in a message: short, on one line. */
export function showValue(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return 'a map';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** `spin.yaml:12:7: services.web.replicas: must be ...; write 2` */
export function showProblem({ file, line, column, path, message, suggestion }: Problem): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return `${place}: ${path === '' ? '' : `${path}: `}${message}${suggestion === undefined ? '' : `; ${suggestion}`}`;
}

/** More would scroll the first ones away, and those often are the cause of the others. */
const MOST_LISTED = 50;

/** One error that lists the problems in reading order, the first of them where there are many, and carries all as `data.problems`. */
export function problemsError(code: ErrorCode, what: string, problems: readonly Problem[]): SpinError {
  const sorted = problems.toSorted((a, b) => (a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1));
  const count = sorted.length === 1 ? 'a problem' : `${sorted.length} problems`;
  const hint = rowOf(code).hint;
  const listed = sorted.slice(0, MOST_LISTED).map((problem) => `  ${showProblem(problem)}`);
  const rest = sorted.length > MOST_LISTED ? [`  and ${sorted.length - MOST_LISTED} more`] : [];
  return new SpinError(code, [`${what} has ${count}:`, ...listed, ...rest].join('\n'), {
    ...(hint === undefined ? {} : { hint }),
    data: { problems: sorted },
  });
}

/** `did you mean "replicas"?`, where one of the known words is near enough to be what was meant. */
export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  const near = nearest(word, known);
  return near === undefined ? undefined : `did you mean ${JSON.stringify(near)}?`;
}

/** The work grows with the square of the length, and what is longer was not typed. */
const LONGEST_WORD = 128;

/** The known word with the fewest edits from `word`: at most a third of its length, and never more than three. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > LONGEST_WORD) return undefined;
  const limit = Math.min(3, Math.max(1, Math.floor(word.length / 3)));
  let best: string | undefined;
  let bestDistance = limit + 1;
  const typed = word.toLowerCase();
  for (const candidate of known) {
    // Words differ by at least as many edits as letters in number, which spares the comparison of most.
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = edits(typed, candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours that lead from `a` to `b` (optimal string alignment). */
function edits(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] ?? 0) + 1 : Infinity;
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? Infinity;
}
