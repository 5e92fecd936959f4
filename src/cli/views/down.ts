import type { DownOutcome, DownResult } from '../../app/outcomes.ts';
import { formatMoney } from '../../core/money.ts';
import type { Page } from '../page.ts';
import { took } from '../text/time.ts';
import { lines, plural } from './parts.ts';

/** One line per spin, and below a failed one what is left of it. */
export function viewDown({ spins }: DownOutcome, page: Page): string {
  if (spins.length === 0) return 'No spin to take down.';
  return lines(spins.flatMap((spin) => [lineOf(spin, page, spins.length === 1), ...leftOf(spin, page), ...unaskedOf(spin, page)]));
}

/** Of an only spin, the error that follows says why it failed. */
function lineOf(spin: DownResult, { style }: Page, only: boolean): string {
  const id = style.bold(spin.id);
  switch (spin.result) {
    case 'released': {
      const secrets = spin.secretsDestroyed === 0 ? '' : `, ${plural(spin.secretsDestroyed, 'secret')} destroyed`;
      const time = spin.timings === undefined ? '' : ` in ${took(spin.timings.totalMs)}`;
      const cost = spin.cost === undefined ? '' : `; it cost ${formatMoney(spin.cost)}`;
      const released = `${plural(spin.releasedResources, 'resource')} released${secrets}`;
      if (spin.unasked !== undefined) return `${style.yellow('!')} ${id}: ${released}; not all could be asked what else is left`;
      return `${style.green('✔')} ${id} is gone${time}: ${released}, nothing left${cost}`;
    }
    case 'absent':
      return spin.unasked === undefined
        ? `${style.green('✔')} ${id} was not there: nothing of it is left`
        : `${style.yellow('!')} ${id} was not seen; not all could be asked what is left of it`;
    case 'unknown':
      return `${style.yellow('!')} ${id} was not seen; whether anything of it is left is not known`;
    case 'kept':
      return `${style.dim('–')} ${id} is held by its keep tag: name it to take it down`;
    case 'failed':
      return `${style.red('✖')} ${id} ${failureOf(spin)}${spin.error === undefined || only ? '' : `: ${spin.error.message}`}`;
  }
}

/** What was refused was not even tried. */
function failureOf({ error }: DownResult): string {
  return error?.code === 'change-refused' ? 'was not taken down' : 'could not be proven gone';
}

function unaskedOf({ unasked = [] }: DownResult, { style }: Page): readonly string[] {
  return unasked.map((why) => style.yellow(`    not asked: ${why}`));
}

function leftOf({ left }: DownResult, { style }: Page): readonly string[] {
  return left.map((what) => style.dim(`    left: ${what}`));
}
