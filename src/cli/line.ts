/** What can be told of a command line without a parser for it. */
import type { Command, Input } from './command.ts';
import { GLOBAL_OPTIONS, YES } from './options.ts';
import type { Globals, Parsed } from './program.ts';

/** Values of options as commander names them: `on-failure` is `onFailure`. */
export type Values = Readonly<Record<string, unknown>>;

/**
 * The reading of a line that is the name of a command, what it is about, and options, each a word of its own as is its value, as of `spin ls`,
 * `spin up -f web.yaml` and `spin down web --yes`; undefined for every other, and for all that is wrong.
 */
export function readBare(argv: readonly string[], commands: readonly Command[]): Parsed | undefined {
  const [name, ...rest] = argv;
  const command = commands.find((each) => each.name === name);
  if (command === undefined) return undefined;
  const given: string[] = [];
  const values: Record<string, string | true> = {};
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at] ?? '';
    if (!word.startsWith('-')) {
      given.push(word);
      continue;
    }
    const option = optionAs(command, word);
    if (option === undefined || Object.hasOwn(values, option.name)) return undefined;
    const value = option.takesValue ? rest[++at] : true;
    // What looks like an option may be meant as one.
    if (value === undefined || (value !== true && value !== '-' && value.startsWith('-'))) return undefined;
    values[option.name] = value;
  }
  const positionals = positionalsOf(command, given);
  if (positionals === undefined) return undefined;
  const globals = globalsOf(values);
  return { kind: 'run', command, globals, input: inputOf(command, values, positionals, globals) };
}

/**
 * The option that a word is, by its name as commander has it; undefined for one that need not have a value, has only some, has several, turns
 * something off, or is unknown.
 */
function optionAs(command: Command, word: string): { readonly name: string; readonly takesValue: boolean } | undefined {
  const all = [...command.options, ...(command.asks === true ? [YES] : []), ...GLOBAL_OPTIONS];
  const option = all.find(({ flags }) => flags.split(/,? /).includes(word));
  if (option === undefined || option.choices !== undefined || option.repeats === true || option.flags.includes('[')) return undefined;
  const long = option.flags.split(/,? /).find((part) => part.startsWith('--'));
  if (long === undefined || long.startsWith('--no-')) return undefined;
  return { name: optionName(long.slice(2)), takesValue: option.flags.includes('<') };
}

/** The words for each argument of a command; undefined where there are too few or too many, or one may be an option of another program. */
function positionalsOf({ args }: Command, given: readonly string[]): readonly (string | readonly string[] | undefined)[] | undefined {
  const variadic = args.at(-1)?.form.includes('...') === true;
  const required = args.filter(({ form }) => form.startsWith('<')).length;
  if (given.length < required || (!variadic && given.length > args.length)) return undefined;
  if (args.some(({ completes, choices }) => completes === 'shell' || choices !== undefined)) return undefined;
  return args.map((_arg, index) => (variadic && index === args.length - 1 ? given.slice(index) : given[index]));
}

function optionName(name: string): string {
  return name.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase());
}

export function globalsOf(values: Values): Globals {
  return {
    output: values['output'] === 'json' ? 'json' : 'text',
    quiet: values['quiet'] === true,
    verbose: values['verbose'] === true,
    colour: values['color'] !== false,
    config: values['config'] !== false,
    yes: values['yes'] === true,
    ...(typeof values['state'] === 'string' ? { state: values['state'] } : {}),
  };
}

export function inputOf(
  command: Command,
  values: Values,
  positionals: readonly (string | readonly string[] | undefined)[],
  globals: Globals,
): Input {
  const names = command.args.map((argument) => argument.form.replace(/[<>[\].]/g, ''));
  const positional = (name: string) => positionals[names.indexOf(name)];
  const value = (option: string) => values[optionName(option)];
  const text = (found: unknown): string | undefined => (typeof found === 'string' ? found : undefined);
  const texts = (found: unknown): readonly string[] => (Array.isArray(found) ? found.filter((each) => typeof each === 'string') : []);
  return {
    arg: (name) => text(positional(name)),
    args: (name) => texts(positional(name)),
    text: (option) => text(value(option)),
    flag: (option) => value(option) === true,
    list: (option) => texts(value(option)),
    json: globals.output === 'json',
    interactive: () => false,
  };
}

/** The command that a line names, even where the rest of it is wrong. */
export function commandName(argv: readonly string[], commands: readonly { readonly name: string }[]): string | undefined {
  const isCommand = (word: string | undefined): boolean => commands.some((command) => command.name === word);
  const word = argv[commandAt(argv)];
  return isCommand(word) ? word : argv.find(isCommand);
}

/** Index of the first word that is no global option, nor the value of one. */
export function commandAt(argv: readonly string[]): number {
  let at = 0;
  while (at < argv.length && argv[at]?.startsWith('-') === true) at += takesValue(argv[at] ?? '') ? 2 : 1;
  return at;
}

/** Whether a word is a global option whose value is the next word. */
function takesValue(word: string): boolean {
  return GLOBAL_OPTIONS.some(({ flags }) => flags.includes('<') && flags.split(/[ ,]+/).includes(word));
}

/** Whether a line asks for JSON, even where the rest of it is wrong. */
export function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  return words.some(
    (word, index) =>
      word === '--output=json' || word === '-ojson' || ((word === '--output' || word === '-o') && words[index + 1] === 'json'),
  );
}
