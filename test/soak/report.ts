/** What a value has to be. */
export interface Promised {
  readonly most?: number;
  readonly exactly?: number;
}

/** One figure, and what was promised about it. */
export interface Line {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly promised?: Promised;
}

export interface Section {
  readonly name: string;
  /** How it was measured, and what has no promise to keep. */
  readonly notes: readonly string[];
  readonly lines: readonly Line[];
}

/** Undefined where nothing was promised. A value that is not a number keeps no promise. */
export function isKept({ value, promised }: Line): boolean | undefined {
  if (promised === undefined) return undefined;
  const { most = Infinity, exactly = value } = promised;
  return value <= most && value === exactly;
}

export function brokenIn(sections: readonly Section[]): readonly Line[] {
  return sections.flatMap(({ lines }) => lines.filter((line) => isKept(line) === false));
}

/** A section as a table for people. */
export function viewSection({ name, notes, lines }: Section): string {
  const rows = lines.map((line) => [line.what, `${digits(line.value)} ${line.unit}`.trimEnd(), promiseOf(line), verdictOf(line)]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const table = rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd());
  return [name, ...notes.map((note) => `  # ${note}`), ...table, ''].join('\n');
}

function promiseOf({ promised, unit }: Line): string {
  if (promised === undefined) return '';
  const { most, exactly } = promised;
  return most === undefined ? `exactly ${digits(exactly ?? Number.NaN)}` : `at most ${digits(most)} ${unit}`.trimEnd();
}

function verdictOf(line: Line): string {
  const kept = isKept(line);
  return kept === undefined ? '' : kept ? 'held' : 'BROKEN';
}

/** Whole numbers whole, others with three digits that tell. */
function digits(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  const size = Math.abs(value);
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : size >= 0.1 ? value.toFixed(2) : value.toFixed(3);
}

/** `CreateSecurityGroup 1000, RunInstances 1000`. */
export function listed(counts: Readonly<Record<string, number>>): string {
  const shown = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return shown.length === 0 ? 'none' : shown.join(', ');
}

/** Something that a soak cannot go on after. */
export class SoakFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SoakFailure';
  }
}
