import type { InitOutcome } from '../../app/outcomes.ts';
import type { Page } from '../page.ts';
import { columns } from '../text/columns.ts';
import { paragraphs } from './parts.ts';

export function viewInit({ files, next }: InitOutcome, { style }: Page): string {
  return paragraphs([files.map((file) => `${style.green('✔')} ${file}`).join('\n'), `Next: ${style.bold(next)}`]);
}

export function viewTemplates(
  { templates }: { readonly templates: readonly { readonly name: string; readonly summary: string }[] },
  page: Page,
): string {
  const table = columns(
    templates,
    [
      { title: 'TEMPLATE', text: ({ name }) => name, style: (_template, style) => style.bold },
      { title: 'WHAT IT IS', text: ({ summary }) => summary, shrink: { order: 1, min: 10 } },
    ],
    page,
  );
  return paragraphs([table, 'Write one with: spin init TEMPLATE']);
}
