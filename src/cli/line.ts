/** What can be told of a command line without a parser for it. */
import type { Command, Input } from './command.ts';
import { GLOBAL_OPTIONS } from './options.ts';
import type { Globals, Parsed } from './program.ts';

/** Values of options as commander names them: `on-failure` is `onFailure`. */
export type Values = Readonly<Record<string, unknown>>;

/** The reading of a line that is the name of a command and nothing else, as of `spin ls`; undefined for every other. */
export function readBare(argv: readonly string[], commands: readonly Command[]): Parsed | undefined {
  const command = argv.length === 1 ? commands.find(({ name }) => name === argv[0]) : undefined;
  if (command === undefined || command.args.some(({ form }) => form.startsWith('<'))) return undefined;
  const globals = globalsOf({});
  return { kind: 'run', command, globals, input: inputOf(command, {}, [], globals) };
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
  const value = (option: string) => values[option.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase())];
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
