/**
 * Money is a whole number of nano-dollars (1e-9 USD): prices such as 0.0000125 USD per hour stay exact,
 * and a safe integer still holds nine million dollars.
 */
export type NanoUsd = number;

/** A price or amount that may be unknown. Unknown is never shown or added up as zero. */
export type Known<T> = T | 'unknown';

/** USD as a decimal number to nano-dollars, rounded to the nearest. */
export function usd(amount: number): NanoUsd {
  return Math.round(amount * 1e9);
}

/** Adds amounts; one unknown makes the sum unknown. */
export function addMoney(amounts: readonly NanoUsd[]): NanoUsd;
export function addMoney(amounts: readonly Known<NanoUsd>[]): Known<NanoUsd>;
export function addMoney(amounts: readonly Known<NanoUsd>[]): Known<NanoUsd> {
  let sum = 0;
  for (const amount of amounts) {
    if (amount === 'unknown') return 'unknown';
    sum += amount;
  }
  return sum;
}

/** The cost of `ms` at a price per hour, rounded to the nearest nano-dollar. */
export function costOver(perHour: NanoUsd, ms: number): NanoUsd;
export function costOver(perHour: Known<NanoUsd>, ms: number): Known<NanoUsd>;
export function costOver(perHour: Known<NanoUsd>, ms: number): Known<NanoUsd> {
  return perHour === 'unknown' ? 'unknown' : Math.round((perHour * ms) / 3_600_000);
}

/** `$1.23`, `$0.0042`, `$0.00` or `unknown`; at least two significant digits of small amounts. */
export function formatMoney(amount: Known<NanoUsd>): string {
  if (amount === 'unknown') return 'unknown';
  const dollars = amount / 1e9;
  const digits = dollars === 0 || Math.abs(dollars) >= 0.1 ? 2 : Math.min(9, 1 - Math.floor(Math.log10(Math.abs(dollars))));
  return `${dollars < 0 ? '-' : ''}$${Math.abs(dollars).toFixed(digits)}`;
}
