import type { Style } from './style.ts';
import { cut, cutLine, cutMiddle, pad, widthOf } from './width.ts';

export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly style?: (row: Row, style: Style) => (text: string) => string;
  readonly align?: 'right';
  /** Columns that give way, in this order, where the terminal is too narrow: to no less than `min`. */
  readonly shrink?: { readonly order: number; readonly min: number };
  /** Where a text that is too long loses what: a name is mostly known by both its ends. */
  readonly cut?: 'middle';
}

const GAP = '   ';

/** Columns as kubectl writes them: no boxes, titles in capitals, never wider than `width`. Without rows, no text. */
export function columns<Row>(
  rows: readonly Row[],
  shape: readonly Column<Row>[],
  page: { width: number; style: Style },
  indent = '',
): string {
  if (rows.length === 0) return '';
  const cells = rows.map((row) => shape.map((column) => column.text(row)));
  const widths = fit(shape, cells, page.width - indent.length);
  const line = (texts: readonly string[], paint: (text: string, column: number) => string): string =>
    indent +
    texts
      .map((text, column) => {
        const short = (shape[column]?.cut === 'middle' ? cutMiddle : cut)(text, widths[column] ?? 0);
        const space = ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(short)));
        const painted = paint(short, column);
        if (shape[column]?.align === 'right') return space + painted;
        return column === texts.length - 1 ? painted : painted + space;
      })
      .join(GAP)
      .trimEnd();
  const titles = shape.map((column) => column.title);
  const head = titles.every((title) => title === '') ? [] : [line(titles, (text) => page.style.dim(text))];
  const body = rows.map((row, index) =>
    line(cells[index] ?? [], (text, column) => (shape[column]?.style?.(row, page.style) ?? ((same: string) => same))(text)),
  );
  // The last resort, on a terminal narrower than the columns' least widths.
  return [...head, ...body].map((text) => cutLine(text, page.width)).join('\n');
}

/** Names and what they stand for, aligned: `price     $0.00/h`. */
export function pairs(rows: readonly (readonly [string, string])[], style: Style, indent = '  '): string {
  const width = Math.max(...rows.map(([name]) => widthOf(name)));
  return rows.map(([name, value]) => `${indent}${style.dim(pad(name, width))}  ${value}`).join('\n');
}

function fit<Row>(shape: readonly Column<Row>[], cells: readonly (readonly string[])[], width: number): number[] {
  const widths = shape.map((column, index) => Math.max(widthOf(column.title), ...cells.map((row) => widthOf(row[index] ?? ''))));
  let over = widths.reduce((sum, each) => sum + each, 0) + GAP.length * (widths.length - 1) - width;
  const givesWay = shape
    .map((column, index) => ({ index, shrink: column.shrink }))
    .filter((entry) => entry.shrink !== undefined)
    .toSorted((a, b) => (a.shrink?.order ?? 0) - (b.shrink?.order ?? 0));
  for (const { index, shrink } of givesWay) {
    if (over <= 0) break;
    const now = widths[index] ?? 0;
    const next = Math.max(Math.min(now, shrink?.min ?? now), now - over);
    widths[index] = next;
    over -= now - next;
  }
  return widths;
}
