import type { PlanOutcome } from '../../app/outcomes.ts';
import { formatDuration } from '../../core/duration.ts';
import { formatMoney } from '../../core/money.ts';
import type { Page } from '../page.ts';
import { pairs } from '../text/columns.ts';
import { changeSummary, changeTable } from './changes.ts';
import { checkLines, lines, paragraphs, warningLines } from './parts.ts';

/** The resource graph with what would change, the price, and what would stand in the way. */
export function viewPlan(outcome: PlanOutcome, page: Page): string {
  const { style } = page;
  const { id, provider, exists, changes, hourly, untilTtl, msLeft } = outcome;
  const price = `${formatMoney(hourly)} per hour, ${formatMoney(untilTtl)} for ${formatDuration(msLeft)}`;
  return paragraphs([
    `${style.bold(id)} on ${provider}${exists ? '' : ', new'}: ${changeSummary(changes)}`,
    changeTable(changes, page),
    pairs([['price', price]], style),
    lines([
      checkLines(outcome.checks, style, page.verbose),
      ...outcome.refusals.map((refusal) => `${style.red('refused:')} ${refusal}`),
      warningLines(outcome.warnings, style),
    ]),
  ]);
}
