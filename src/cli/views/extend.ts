import type { ExtendOutcome } from '../../app/outcomes.ts';
import { formatMoney } from '../../core/money.ts';
import type { Page } from '../page.ts';
import { clockTime } from '../text/time.ts';
import { deadlineLine, lines } from './parts.ts';

export function viewExtend({ id, before, deadline, untilDeadline, enforcers }: ExtendOutcome, page: Page): string {
  const { style } = page;
  return lines([
    `${style.bold(id)} goes ${deadlineLine(deadline, enforcers, page)}`,
    style.dim(
      `It would have gone ${clockTime(Date.parse(before), page.now)}. Until the new deadline it costs ${formatMoney(untilDeadline)}.`,
    ),
  ]);
}
