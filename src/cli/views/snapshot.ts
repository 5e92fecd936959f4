import type { SnapshotOutcome } from '../../app/outcomes.ts';
import type { Page } from '../page.ts';

export function viewSnapshot({ id, volume, file, bytes }: SnapshotOutcome, { style }: Page): string {
  return `${style.green('✔')} ${volume} of ${style.bold(id)} is in ${file} (${sizeText(bytes)})`;
}

function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ''}`;
}
