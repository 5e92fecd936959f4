/** The only file that knows commander: turns the list of commands into a parser, made anew for each use. */
import { type Argument, Command as Parser, CommanderError, type HelpConfiguration, Option } from 'commander';
import { SpinError } from '../core/errors.ts';
import { shellWord } from '../spec/shell.ts';
import { type Command, type Input, type OptionSpec } from './command.ts';
import { GLOBAL_OPTIONS, YES } from './options.ts';

export interface Globals {
  readonly output: 'text' | 'json';
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly colour: boolean;
  readonly state?: string;
  readonly config: boolean;
  readonly yes: boolean;
}

/** What a command line asks for: a command to run, or a text (help) to print. */
export type Parsed =
  | { readonly kind: 'run'; readonly command: Command; readonly input: Input; readonly globals: Globals }
  | { readonly kind: 'print'; readonly text: string };

type Values = Readonly<Record<string, unknown>>;

/**
 * Reads a command line.
 * @throws SpinError `usage`, with a suggestion where one word is near another
 */
export function parse(argv: readonly string[], commands: readonly Command[], version: string, columns: () => number): Parsed {
  // `spin help up` is what many type first.
  const at = commandAt(argv);
  if (argv[at] === 'help') return parse([...argv.slice(0, at), ...argv.slice(at + 1), '--help'], commands, version, columns);
  let printed = '';
  let chosen: Parsed | undefined;
  // The parsers of the other commands are only needed where the line names none of them.
  const named = commands.filter((command) => command.name === argv[at]);
  const parser = makeProgram(named.length > 0 ? named : commands, version, columns, (command, values, positionals) => {
    const globals = globalsOf(values);
    chosen = { kind: 'run', command, globals, input: inputOf(command, values, positionals, globals) };
  });
  capture(parser, (text) => (printed += text));
  try {
    parser.parse([...argv], { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    const bare = thrown.code === 'commander.help' && !asksForJson(argv);
    if (thrown.exitCode === 0 || bare) return { kind: 'print', text: printed };
    throw usageError(thrown, argv, commands);
  }
  return chosen ?? { kind: 'print', text: printed };
}

type Chosen = (command: Command, values: Values, positionals: readonly (string | readonly string[] | undefined)[]) => void;

function makeProgram(commands: readonly Command[], version: string, columns: () => number, chosen: Chosen): Parser {
  const program = new Parser('spin')
    .usage('COMMAND [options]')
    .description('Ephemeral environments from a YAML spec: up, healthy, priced, and gone without a trace.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .configureHelp(helpConfig(columns))
    .addHelpText('after', HELP_FOOT);
  for (const option of GLOBAL_OPTIONS) program.addOption(optionOf(option));
  for (const command of commands) program.addCommand(parserOf(command, columns, chosen), { hidden: command.hidden === true });
  return program;
}

function parserOf(command: Command, columns: () => number, chosen: Chosen): Parser {
  const parser = new Parser(command.name)
    .summary(command.summary)
    .description([`${command.summary}.`, ...(command.description === undefined ? [] : [command.description])].join('\n\n'))
    .helpGroup(command.group)
    .helpOption('-h, --help', 'print help')
    .configureHelp(helpConfig(columns))
    .addHelpText('after', examplesText(command));
  for (const argument of command.args) parser.argument(argument.form, argument.summary);
  for (const option of command.asks === true ? [...command.options, YES] : command.options) parser.addOption(optionOf(option));
  return parser.action((...actionArgs: unknown[]) => {
    chosen(command, parser.optsWithGlobals(), actionArgs.slice(0, command.args.length) as (string | readonly string[] | undefined)[]);
  });
}

/** The width is asked for only when help is printed, and a command's line in the overview is its name and arguments. */
function helpConfig(columns: () => number): HelpConfiguration {
  return {
    showGlobalOptions: true,
    get helpWidth() {
      return columns();
    },
    subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(argumentTerm)].join(' '),
  };
}

function argumentTerm(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? '...' : '');
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionOf({ flags, summary, choices, repeats, hidden }: OptionSpec): Option {
  const option = new Option(flags, summary);
  if (choices !== undefined) option.choices([...choices]);
  if (repeats === true) option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
  if (hidden === true) option.hideHelp();
  return option;
}

function examplesText({ examples }: Command): string {
  const width = Math.max(...examples.map(([text]) => text.length));
  return `\nExamples:\n${examples.map(([text, what]) => `  $ ${text.padEnd(width)}   ${what}`).join('\n')}`;
}

const HELP_FOOT = `
First steps:
  $ spin init web && spin up    a starter spec, brought up
  $ spin COMMAND --help         options and examples of a command

Exit codes: 0 done, 1 failed, 2 usage or spec, 3 partly done, 4 lease held by another, 5 declined,
130 interrupted, 70 internal`;

/** Makes a parser and its commands throw and stay silent: what is printed, and where, is for the shell to decide. */
function capture(program: Parser, print: (text: string) => void): void {
  for (const parser of [program, ...program.commands]) {
    parser.exitOverride().configureOutput({ writeOut: print, writeErr: print, outputError: () => undefined });
  }
}

function globalsOf(values: Values): Globals {
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

function inputOf(
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

/** `error: unknown command 'lss'\n(Did you mean ls?)` becomes a message, and a hint that can be typed. */
function usageError(thrown: CommanderError, argv: readonly string[], commands: readonly Command[]): SpinError {
  const command = commands.find((each) => each.name === commandName(argv, commands));
  const help = command === undefined ? 'spin --help' : `spin ${command.name} --help`;
  if (thrown.code === 'commander.help') return new SpinError('usage', 'no command', { hint: help });
  const [first = '', ...rest] = thrown.message.replace(/^error: /, '').split('\n');
  const quoted = thrown.code === 'commander.unknownOption' && command !== undefined ? behindDashes(command, argv) : undefined;
  if (quoted !== undefined) return new SpinError('usage', first, { hint: quoted });
  const near = /\(Did you mean (?:one of )?(.+?)\?\)/.exec(rest.join(' '))?.[1];
  const hint = near === undefined ? help : near.startsWith('-') || near.includes(',') ? `did you mean ${near}?` : `spin ${near}`;
  return new SpinError('usage', first, { hint });
}

/** The command that a line names, even where the rest of it is wrong. */
export function commandName(argv: readonly string[], commands: readonly { readonly name: string }[]): string | undefined {
  const isCommand = (word: string | undefined): boolean => commands.some((command) => command.name === word);
  const word = argv[commandAt(argv)];
  return isCommand(word) ? word : argv.find(isCommand);
}

/** Index of the first word that is no global option, nor the value of one. */
function commandAt(argv: readonly string[]): number {
  let at = 0;
  while (at < argv.length && argv[at]?.startsWith('-') === true) at += takesValue(argv[at] ?? '') ? 2 : 1;
  return at;
}

/** Whether a word is a global option whose value is the next word. */
function takesValue(word: string): boolean {
  return GLOBAL_OPTIONS.some(({ flags }) => flags.includes('<') && flags.split(/[ ,]+/).includes(word));
}

/** `spin exec web api ls -la`, as it has to be typed: the options of a command to run stand behind `--`. */
function behindDashes(command: Command, argv: readonly string[]): string | undefined {
  if (command.args.at(-1)?.completes !== 'shell' || argv.includes('--')) return undefined;
  const given = argv.slice(argv.indexOf(command.name) + 1);
  const named = command.args.length - 1;
  if (given.length <= named || given.slice(0, named + 1).some((word) => word.startsWith('-'))) return undefined;
  const words = given.map(shellWord);
  return ['spin', command.name, ...words.slice(0, named), '--', ...words.slice(named)].join(' ');
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
