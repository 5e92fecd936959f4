const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};
const SIZE = /^(\d+(?:\.\d+)?)(B|[KMGT]i?B)$/;

/**
 * Reads a size such as `512MiB`, `1.5GB` or `100B`. `512M` is refused: half the world reads it as MiB, half as MB.
 * @returns bytes, or undefined where `text` is not a size
 */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (match === null) return undefined;
  const bytes = Math.round(Number(match[1]) * (UNITS[match[2] ?? ''] ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Writes bytes for people, in powers of 1024: `512MiB`, `1.5GiB`, `100B`. */
export function formatSize(bytes: number): string {
  const unit = ['TiB', 'GiB', 'MiB', 'KiB'].find((name) => bytes >= (UNITS[name] ?? Infinity)) ?? 'B';
  return `${Number((bytes / (UNITS[unit] ?? 1)).toFixed(1))}${unit}`;
}
