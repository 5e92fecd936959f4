import type { Page } from '../../src/cli/page.ts';
import { PLAIN } from '../../src/cli/text/style.ts';
import { START } from '../store/samples.ts';
import { demand } from './kind.ts';

/** What views are written on here: a pipe, or rather a terminal that is narrow and shows everything. */
export const PAGE: Page = { width: 80, style: PLAIN, now: START, verbose: true, self: 'spin' };

// oxlint-disable-next-line no-control-regex -- finding them is the point
const COMMANDS_TERMINAL = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/;

/** What a view wrote holds nothing that a terminal would obey. */
export function demandTame(text: string): void {
  const found = COMMANDS_TERMINAL.exec(text);
  demand(
    found === null,
    `${JSON.stringify(found?.[0])} in what is shown: ${JSON.stringify(text.slice(Math.max(0, (found?.index ?? 0) - 40), (found?.index ?? 0) + 40))}`,
  );
}
