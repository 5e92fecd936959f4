/**
 * Where in a shell text its end stands. `hard` is any place where no quoting is sure to hold: a here-document,
 * a command substitution, arithmetic, `$'...'`, `"${...`, or just after a `\` or `$` that would take the quoting's first character for its own.
 */
type Place = 'plain' | 'single' | 'double' | 'comment' | 'hard';

const SAFE = /^[A-Za-z0-9_.,:/@%+=-]+$/;

/**
 * Writes a value so that a shell takes it for text and nothing else, at the end of `before`.
 * @returns undefined where no quoting is sure to hold there
 */
export function quoteAfter(before: string, value: string): string | undefined {
  if (SAFE.test(value)) return value;
  switch (placeAfter(before)) {
    case 'plain':
      return quote(value);
    case 'single':
      return value.replaceAll("'", `'\\''`);
    case 'double':
      return value.replace(/[\\"$`]/g, '\\$&');
    case 'comment':
      return value.includes('\n') ? undefined : value;
    case 'hard':
      return value === '' ? value : undefined;
  }
}

/** A value as a person would type it to a shell: quoted where it has to be. */
export function shellWord(value: string): string {
  return SAFE.test(value) ? value : quote(value);
}

/** One shell word that stands for exactly `value`. */
export function quote(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

function placeAfter(text: string): Place {
  let place: Place = 'plain';
  // Of `${` in double quotes: in there a `}` ends it, and quotes mean something else to every shell.
  let open = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (place === 'single') {
      if (char === "'") place = 'plain';
    } else if (place === 'comment') {
      if (char === '\n') place = 'plain';
    } else if (char === '\\') {
      if (++i === text.length) return 'hard';
    } else if (char === '$' && i === text.length - 1) {
      return 'hard';
    } else if (char === '`' || text.startsWith('$(', i) || (place === 'plain' && (text.startsWith('<<', i) || text.startsWith(`$'`, i)))) {
      return 'hard';
    } else if (text.startsWith('${', i) && (place === 'double' || open > 0)) {
      open++;
    } else if (char === '}' && open > 0) {
      open--;
    } else if (char === '"') {
      place = place === 'double' ? 'plain' : 'double';
    } else if (place === 'plain' && char === "'") {
      place = 'single';
    } else if (place === 'plain' && char === '#' && (i === 0 || /[\s;|&()<>]/.test(text[i - 1] ?? ''))) {
      place = 'comment';
    }
  }
  return open > 0 ? 'hard' : place;
}
