const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|[smhdw])/g;

/**
 * Reads a duration such as `90s`, `1h30m` or `500ms`. A bare number is refused: nobody knows its unit.
 * @returns milliseconds, or undefined where `text` is not a duration
 */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let total = 0;
  let lastUnit = Infinity;
  for (const [, amount, unit] of text.matchAll(PART)) {
    const scale = UNITS[unit ?? ''];
    // Units fall from left to right, each at most once: `30m1h` and `1h1h` are slips of the hand.
    if (scale === undefined || scale >= lastUnit) return undefined;
    lastUnit = scale;
    total += Number(amount) * scale;
  }
  return Number.isSafeInteger(Math.round(total)) ? Math.round(total) : undefined;
}

/** Writes a span of time as a spec does, exactly and without empty units: `400ms`, `1s`, `1m30s`. Whole milliseconds. */
export function exactDuration(ms: number): string {
  let rest = ms;
  const parts = ['d', 'h', 'm', 's', 'ms'].map((unit) => {
    const scale = UNITS[unit] ?? 1;
    const amount = Math.floor(rest / scale);
    rest -= amount * scale;
    return amount === 0 ? '' : `${amount}${unit}`;
  });
  return parts.join('') || '0s';
}

/** Writes a span of time for people: `0.34s`, `12.3s`, `4m 5s`, `1h 30m`, `2d 3h`. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  // Cut, not rounded, as the whole units below are: 59.96 s is not yet a minute.
  if (ms < 10_000) return `${(Math.floor(ms / 10) / 100).toFixed(2)}s`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
  const seconds = Math.floor(ms / 1_000);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join(' ');
}
