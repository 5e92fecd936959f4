import type { Form } from '../../../src/providers/aws/kept-file.ts';

export interface Note {
  readonly text: string;
  readonly at: number;
}

/** Entries that have nothing to do with AWS. */
export const FORM: Form<Note> = {
  entryIn: (entry) =>
    'text' in entry && typeof entry.text === 'string' && 'at' in entry && typeof entry.at === 'number'
      ? { text: entry.text, at: entry.at }
      : undefined,
  askedAt: ({ at }) => at,
};
