import type { ShownLine } from '../../app/logs.ts';
import type { Page } from '../page.ts';
import { clean, tameLine } from '../text/clean.ts';

/** `web@1.2 | listening`: raw in a pipe; on a terminal a child may colour its lines, and nothing else. */
export function viewLogLine({ instance, text }: ShownLine, page: Page, tty: boolean): string {
  return `${page.style.cyan(`${clean(instance)} |`)} ${tty ? tameLine(text) : text}`;
}

export function viewLogs({ lines }: { readonly lines: readonly ShownLine[] }, page: Page): string {
  return lines.map((line) => viewLogLine(line, page, true)).join('\n');
}
