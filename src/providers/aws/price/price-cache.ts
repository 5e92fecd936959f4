import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digest } from '../../../core/ids.ts';
import { systemCode } from '../../../core/errors.ts';

/** What was answered to one question about prices, and when. */
export interface PriceEntry {
  /** Undefined where there was no answer. */
  readonly value: number | undefined;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** When a younger answer was last asked for in vain. */
  readonly triedAt?: number;
}

export type PriceEntries = Readonly<Record<string, PriceEntry>>;

/**
 * The file of one region at one endpoint: what an emulator says must not pass for what AWS does.
 * @param folder absolute
 */
export function priceFile(folder: string, region: string, env: Readonly<Record<string, string | undefined>>): string {
  const endpoint = digest([env['AWS_ENDPOINT_URL'], env['AWS_ENDPOINT_URL_PRICING'], env['AWS_ENDPOINT_URL_EC2']]).slice(0, 8);
  return join(folder, 'prices', `${region}-${endpoint}.json`);
}

/** What the file holds; nothing where it cannot be read. */
export async function readPrices(file: string): Promise<PriceEntries> {
  try {
    const read: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof read !== 'object' || read === null || !('v' in read) || read.v !== 1 || !('prices' in read)) return {};
    return entriesIn(read.prices);
  } catch (thrown) {
    if (systemCode(thrown) !== undefined || thrown instanceof SyntaxError) return {};
    throw thrown;
  }
}

/** Adds entries to what the file holds by now, the younger of two first. A cache that cannot be written is done without. */
export async function writePrices(file: string, entries: PriceEntries): Promise<void> {
  const partial = `${file}.${process.pid}.partial`;
  try {
    const merged = { ...(await readPrices(file)) };
    for (const [name, entry] of Object.entries(entries)) if (lastAsked(entry) >= lastAsked(merged[name])) merged[name] = entry;
    await mkdir(join(file, '..'), { recursive: true, mode: 0o700 });
    await writeFile(partial, JSON.stringify({ v: 1, prices: merged }), { mode: 0o600 });
    await rename(partial, file);
  } catch (thrown) {
    if (systemCode(thrown) === undefined) throw thrown;
    await rm(partial, { force: true }).catch(() => undefined);
  }
}

function lastAsked(entry: PriceEntry | undefined): number {
  return entry?.triedAt ?? entry?.at ?? 0;
}

function entriesIn(value: unknown): PriceEntries {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, entry]: [string, unknown]) => {
      if (typeof entry !== 'object' || entry === null || !('at' in entry) || typeof entry.at !== 'number') return [];
      const price = 'value' in entry && typeof entry.value === 'number' ? entry.value : undefined;
      const tried = 'triedAt' in entry && typeof entry.triedAt === 'number' ? { triedAt: entry.triedAt } : {};
      return [[name, { value: price, at: entry.at, ...tried }]];
    }),
  );
}
