// Everything that can move a cursor, ring, retitle or reorder: C0 but tab and newline, DEL, C1, and the bidirectional overrides.
// oxlint-disable-next-line no-control-regex -- finding them is the point
const UNSAFE = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;
// Escape sequences in a child's output; group 1 is a colour, which may stay.
const SEQUENCE =
  // oxlint-disable-next-line no-control-regex -- likewise
  /(\u001B\[[\d;:]*m)|\u001B\[[\d;:<=>?]*[ -/]*[@-~]?|\u001B[\]PX^_][^\u0007\u001B]*(?:\u0007|\u001B\\)?|\u001B[ -/]*[0-~]?|[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;

/** Shows control characters as what they are (`\x1b`), so that a tag, a path or an error cannot write escape sequences. */
export function clean(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

/** Every text of an outcome made clean: the one place, so that no view can forget it. */
export function cleanAll<T>(value: T): T {
  return cleanValue(value) as T;
}

/** A line of a child's log for a terminal: its colours stay, whatever else commands the terminal goes. */
export function tameLine(text: string): string {
  const tamed = text.replace(SEQUENCE, (_sequence, colour: string | undefined) => colour ?? '');
  return tamed === text ? text : `${tamed}\u001B[0m`;
}

function cleanValue(value: unknown): unknown {
  if (typeof value === 'string') return clean(value);
  if (Array.isArray(value)) return value.map(cleanValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [clean(key), cleanValue(inner)]));
}
