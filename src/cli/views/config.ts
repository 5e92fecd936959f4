import type { ConfigOutcome } from '../../app/outcomes.ts';
import type { Page } from '../page.ts';
import { columns } from '../text/columns.ts';
import { paragraphs } from './parts.ts';

/** Every setting with its value and where that came from; what is built in stands back. */
export function viewConfig({ files, values }: ConfigOutcome, page: Page): string {
  const table = columns(
    values,
    [
      { title: 'SETTING', text: ({ setting }) => setting },
      { title: 'VALUE', text: ({ value }) => (typeof value === 'string' ? value : JSON.stringify(value)), shrink: { order: 2, min: 8 } },
      { title: 'FROM', text: ({ origin }) => origin, style: ({ origin }, style) => (origin === 'default' ? style.dim : style.cyan) },
      { title: 'WHERE', text: ({ where }) => where, style: (_value, style) => style.dim, shrink: { order: 1, min: 6 } },
    ],
    page,
  );
  return paragraphs([files.length === 0 ? 'No config file was found.' : `Read: ${files.join(', ')}`, table]);
}
