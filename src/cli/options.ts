import { SpinError } from '../core/errors.ts';
import type { Tags } from '../core/tags.ts';
import { type Input, type OptionSpec, given } from './command.ts';

/** Options that every command has. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { flags: '-o, --output <format>', summary: 'how to print the result', choices: ['text', 'json'] },
  { flags: '-q, --quiet', summary: 'no progress and no report: only what a script would ask for, and errors' },
  { flags: '-v, --verbose', summary: 'show details, and stack traces of bugs' },
  { flags: '--no-color', summary: 'no colour' },
  { flags: '--state <dir>', summary: 'where records are kept' },
  { flags: '--no-config', summary: 'read no config file' },
];

export const YES: OptionSpec = { flags: '-y, --yes', summary: 'do not ask' };
export const FILE: OptionSpec = { flags: '-f, --file <file>', summary: 'spec file, or - for standard input (default: spin.yaml)' };
export const TAG_FILTER: OptionSpec = { flags: '-t, --tag <name=value>', summary: 'only spins with this tag', repeats: true };
export const OWNER_FILTER: OptionSpec = { flags: '--owner <name>', summary: 'only spins of this owner' };

export const WAIT: OptionSpec = {
  flags: '-w, --wait [duration]',
  summary: 'wait for another process that holds the lease (as long as it takes)',
};

/** What `plan` and `up` take to say which spec, and to override parts of it. */
export const SPEC_OPTIONS: readonly OptionSpec[] = [
  FILE,
  { flags: '--id <id>', summary: 'spin ID (default: the name in the spec)' },
  { flags: '--ttl <duration>', summary: 'how long it may live, such as 90m or 2d' },
  { flags: '-t, --tag <name=value>', summary: 'add a tag', repeats: true },
  { flags: '--owner <name>', summary: 'who answers for it' },
  { flags: '--provider <name>', summary: 'where to run it' },
];

/** The values of SPEC_OPTIONS, as the use cases take them. */
export function specRequest(input: Input) {
  return given({
    file: input.text('file'),
    id: input.text('id'),
    ttl: input.text('ttl'),
    owner: input.text('owner'),
    provider: input.text('provider'),
    tags: tagsOf(input),
  });
}

/** `--wait` alone is for as long as it takes. */
export function waitOf(input: Input): string | true | undefined {
  return input.text('wait') ?? (input.flag('wait') ? true : undefined);
}

/** The values of the filters. */
export function filters(input: Input) {
  return given({ tags: tagsOf(input), owner: input.text('owner') });
}

/** `--tag NAME=VALUE`, as often as given. @throws SpinError usage */
export function tagsOf(input: Input): Tags | undefined {
  const texts = input.list('tag');
  if (texts.length === 0) return undefined;
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=');
      if (at < 1)
        throw new SpinError('usage', `--tag ${JSON.stringify(text)} is not NAME=VALUE`, {
          hint: `--tag ${at === 0 ? 'name' : text}=value`,
        });
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

/** A whole number that is not negative. @throws SpinError usage */
export function count(input: Input, option: string): number | undefined {
  const text = input.text(option);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw new SpinError('usage', `--${option} ${JSON.stringify(text)} is not a whole number`, { hint: `--${option} 10` });
  return Number(text);
}

/** A whole number from 1 to 100. @throws SpinError usage */
export function percent(input: Input, option: string): number | undefined {
  const value = count(input, option);
  if (value !== undefined && (value < 1 || value > 100))
    throw new SpinError('usage', `--${option} ${value} is not between 1 and 100`, { hint: `--${option} 50` });
  return value;
}
