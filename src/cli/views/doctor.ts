import type { DoctorOutcome } from '../../app/outcomes.ts';
import type { Page } from '../page.ts';
import { pairs } from '../text/columns.ts';
import { checkLines, paragraphs } from './parts.ts';

export function viewDoctor({ version, node, state, checks }: DoctorOutcome, page: Page): string {
  const failed = checks.filter((check) => !check.ok).length;
  const facts = pairs(
    [
      ['spin', version],
      ['node', node],
      ['state', state],
    ],
    page.style,
    '',
  );
  return paragraphs([
    facts,
    checkLines(checks, page.style, true),
    failed === 0 ? 'All is well.' : `${failed} of ${checks.length} checks failed.`,
  ]);
}
