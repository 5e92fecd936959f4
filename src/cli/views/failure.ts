import type { Failure } from '../failure.ts';
import type { Page } from '../page.ts';
import { clean } from '../text/clean.ts';

/** `error[lease-held]: web is held by ...`, what was logged last, and the next thing to type. */
export function viewFailure(failure: Failure, page: Page, version: string): string {
  const { style } = page;
  if (failure.code === 'internal') {
    const ask = page.verbose
      ? `This is a bug in spin ${version}. Please report it with all of this.`
      : `This is a bug in spin ${version}. Please report it with what the same command prints with --verbose.`;
    return [
      `${style.red('internal error:')} ${clean(failure.message)}`,
      ask,
      ...(page.verbose ? [style.dim(clean(failure.stack))] : []),
    ].join('\n');
  }
  if (failure.code === 'interrupted') return style.yellow(clean(failure.message)) + hintText(failure, page);
  const head = `${style.red(style.bold(`error[${failure.code}]:`))} ${clean(failure.message)}`;
  const log = lastLines(failure).map((line) => style.dim(`  | ${clean(line)}`));
  return [head, ...log].join('\n') + hintText(failure, page) + (page.verbose ? `\n${style.dim(clean(failure.stack))}` : '');
}

function hintText({ hint }: Failure, { style }: Page): string {
  return hint === undefined ? '' : `\n${style.cyan('hint:')} ${clean(hint)}`;
}

function lastLines({ data }: Failure): readonly string[] {
  const fault = data['fault'];
  const lines = typeof fault === 'object' && fault !== null && 'lastLines' in fault ? fault.lastLines : undefined;
  return Array.isArray(lines) ? lines.filter((line) => typeof line === 'string') : [];
}
