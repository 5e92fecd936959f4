import { addKept, type Entries, type Form, keptFile, readKept } from '../kept-file.ts';
import type { AwsOptions } from '../options.ts';

/** What was answered to one question about prices, and when. */
export interface PriceEntry {
  /** Undefined where there was no answer. */
  readonly value: number | undefined;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** When a younger answer was last asked for in vain. */
  readonly triedAt?: number;
}

export type PriceEntries = Entries<PriceEntry>;

const FORM: Form<PriceEntry> = {
  entryIn: (entry) => {
    if (!('at' in entry) || typeof entry.at !== 'number') return undefined;
    const value = 'value' in entry && typeof entry.value === 'number' ? entry.value : undefined;
    const tried = 'triedAt' in entry && typeof entry.triedAt === 'number' ? { triedAt: entry.triedAt } : {};
    return { value, at: entry.at, ...tried };
  },
  askedAt: ({ at, triedAt }) => triedAt ?? at,
};

export function priceFile(options: AwsOptions, region: string): string {
  return keptFile(options, 'prices', region, ['Pricing', 'EC2']);
}

export function readPrices(file: string): Promise<PriceEntries> {
  return readKept(file, FORM);
}

export function writePrices(file: string, entries: PriceEntries): Promise<void> {
  return addKept(file, entries, FORM);
}
