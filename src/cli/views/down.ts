import type { DownOutcome, DownResult } from '../../app/outcomes.ts';
import { formatMoney } from '../../core/money.ts';
import type { Page } from '../page.ts';
import { took } from '../text/time.ts';
import { lines, plural } from './parts.ts';

/** One line per spin, and below a failed one what is left of it. */
export function viewDown({ spins }: DownOutcome, page: Page): string {
  if (spins.length === 0) return 'No spin to take down.';
  return lines(
    spins.flatMap((spin) => [
      lineOf(spin, page, spins.length === 1),
      ...leftOf(spin, page),
      ...unaskedOf(spin, page),
      ...othersOf(spin, page),
    ]),
  );
}

/** Of an only spin, the error that follows says why it failed. */
function lineOf(spin: DownResult, { style }: Page, only: boolean): string {
  const id = style.bold(spin.id);
  switch (spin.result) {
    case 'released': {
      const secrets = spin.secretsDestroyed === 0 ? '' : `, ${plural(spin.secretsDestroyed, 'secret')} destroyed`;
      const time = spin.timings === undefined ? '' : ` in ${took(spin.timings.totalMs)}`;
      const cost = spin.cost === undefined ? '' : `; it cost ${formatMoney(spin.cost)}`;
      return `${style.green('✔')} ${id} is gone${time}: ${plural(spin.releasedResources, 'resource')} released${secrets}, nothing left${cost}`;
    }
    case 'absent':
      return `${style.green('✔')} ${id} was not there: nothing of it is ${spin.others === undefined ? 'left' : 'ours'}`;
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

function othersOf({ others = [] }: DownResult, { style }: Page): readonly string[] {
  return others.map((whose) => style.yellow(`    ${whose}`));
}

function leftOf({ left }: DownResult, { style }: Page): readonly string[] {
  return left.map((what) => style.dim(`    left: ${what}`));
}
