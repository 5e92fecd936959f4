import type { SnapshotOutcome } from '../../app/outcomes.ts';
import type { Page } from '../page.ts';
import { lines } from './parts.ts';

/** Where the volume is now; of what a cloud keeps, also that it costs, and how that ends. */
export function viewSnapshot({ id, volume, file, bytes, kept }: SnapshotOutcome, { style }: Page): string {
  const subject = `${style.green('✔')} ${volume} of ${style.bold(id)} is`;
  if (kept === undefined) return `${subject} in ${file} (${sizeText(bytes)})`;
  return lines([
    `${subject} snapshot ${style.bold(kept.id)}, which ${file} names (${sizeText(bytes)})`,
    `It outlives the spin and is billed until you delete it: ${kept.deleteWith}`,
  ]);
}

function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ''}`;
}
