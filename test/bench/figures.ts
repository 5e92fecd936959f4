/** What a figure has to reach. */
export interface Target {
  /** Most that the median may be. */
  readonly most: number;
  /** What it is held against: the ratio where there is one, else the value. */
  readonly of: 'ratio' | 'value';
}

/** One line of a section: what was measured, how often, and against what. */
export interface Figure {
  readonly what: string;
  readonly unit: string;
  /** One value for each round, in the order of the rounds. */
  readonly values: readonly number[];
  /** The same round of something else, so that what slows the machine down for a while slows both. */
  readonly against?: { readonly what: string; readonly values: readonly number[] };
  readonly target?: Target;
}

export interface Section {
  readonly name: string;
  /** How it was measured, for who reads the figures alone. */
  readonly notes: readonly string[];
  readonly figures: readonly Figure[];
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** Of sorted values, interpolated; NaN where there are none. */
export function quantile(sorted: ArrayLike<number>, part: number): number {
  const place = (sorted.length - 1) * part;
  const [below, above] = [sorted[Math.floor(place)] ?? Number.NaN, sorted[Math.ceil(place)] ?? Number.NaN];
  return below + (above - below) * (place - Math.floor(place));
}

/** Ratios round by round. */
export function ratiosOf({ values, against }: Figure): readonly number[] {
  return against === undefined ? [] : values.map((value, round) => value / (against.values[round] ?? Number.NaN));
}

export function isReached(figure: Figure): boolean | undefined {
  const { target, values } = figure;
  if (target === undefined) return undefined;
  return spreadOf(target.of === 'ratio' ? ratiosOf(figure) : values).median <= target.most;
}

/** A section as a table for people. */
export function viewSection({ name, notes, figures }: Section): string {
  const rows = figures.map((figure) => [
    figure.what,
    `${view(spreadOf(figure.values))} ${figure.unit}`,
    figure.against === undefined ? '' : `${view(spreadOf(ratiosOf(figure)))} x ${figure.against.what}`,
    figure.target === undefined ? '' : `at most ${figure.target.most}${figure.target.of === 'ratio' ? 'x' : ` ${figure.unit}`}`,
    { true: 'reached', false: 'MISSED', undefined: '' }[String(isReached(figure)) as 'true' | 'false' | 'undefined'],
  ]);
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd());
  return [name, ...notes.map((note) => `  # ${note}`), ...lines, ''].join('\n');
}

/** `median (min-max)` with three digits that tell. */
function view({ median, min, max }: Spread): string {
  return `${digits(median)} (${digits(min)}-${digits(max)})`;
}

function digits(value: number): string {
  if (!Number.isFinite(value)) return '?';
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}
