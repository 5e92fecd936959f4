// By hand, because string-width compiles regular expressions for 30 ms and `spin ls` has no 30 ms to give.

// oxlint-disable-next-line no-control-regex -- the escape sequences of colour are control characters
const COLOUR = /\u001B\[[\d;]*m/g;
// oxlint-disable-next-line no-control-regex -- likewise
const COLOUR_OR_ONE = /\u001B\[[\d;]*m|[^]/gu;
const ASCII = /^[\u0020-\u007E]*$/;
const ZERO = /^(?:\p{Mark}|[\u200B-\u200F\u2060])$/u;
/** East Asian wide and fullwidth blocks, and emoji. */
const WIDE =
  /^[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97C\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]$/u;

/** How many columns of a terminal a text takes. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text.replace(COLOUR, '')) width += widthOfOne(character);
  return width;
}

/** Cuts a text without colour to `width` columns, with `…` where something is missing. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  if (width < 1) return '';
  let kept = '';
  let used = 0;
  for (const character of text) {
    used += widthOfOne(character);
    if (used > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Cuts a name without colour to `width` columns: its beginning and its end stay. */
export function cutMiddle(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  if (width < 3) return cut(text, width);
  const characters = Array.from(text);
  let tail = '';
  for (let used = 0; ;) {
    const last = characters.pop() ?? '';
    used += widthOfOne(last);
    if (used > Math.floor((width - 1) / 2)) break;
    tail = last + tail;
  }
  return cut(text, width - widthOf(tail)) + tail;
}

/** Cuts a line, which may have colours, to `width` columns; every colour still ends. */
export function cutLine(line: string, width: number): string {
  if (widthOf(line) <= width) return line;
  let room = Math.max(0, width - 1);
  let over = false;
  return line.replace(COLOUR_OR_ONE, (part) => {
    if (part.length > 2 && part.startsWith('\u001B')) return part;
    room -= widthOfOne(part);
    if (room >= 0) return part;
    const mark = over || width < 1 ? '' : '…';
    over = true;
    return mark;
  });
}

/** Breaks prose, which may have colours, between its words, so that no line but that of a single long word is wider than `width`. */
export function fold(text: string, width: number): string {
  const [first = '', ...words] = text.split(' ');
  let used = widthOf(first);
  return words.reduce((folded, word) => {
    const breaks = used + 1 + widthOf(word) > width;
    used = breaks ? 2 + widthOf(word) : used + 1 + widthOf(word);
    return `${folded}${breaks ? '\n  ' : ' '}${word}`;
  }, first);
}

/** Fills up with spaces to `width` columns. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

function widthOfOne(character: string): number {
  if (character <= '~') return 1;
  if (ZERO.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
