/** The only file that knows commander: turns the list of commands into a parser, made anew for each use. Loaded where a line needs it. */
import { type Argument, Command as Parser, CommanderError, type HelpConfiguration, Option } from 'commander';
import { SpinError } from '../core/errors.ts';
import { shellWord } from '../spec/shell.ts';
import type { Command, Input, OptionSpec } from './command.ts';
import { asksForJson, commandAt, commandName, globalsOf, inputOf, type Values } from './line.ts';
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

/** `spin exec web api ls -la`, as it has to be typed: the options of a command to run stand behind `--`. */
function behindDashes(command: Command, argv: readonly string[]): string | undefined {
  if (command.args.at(-1)?.completes !== 'shell' || argv.includes('--')) return undefined;
  const given = argv.slice(argv.indexOf(command.name) + 1);
  const named = command.args.length - 1;
  if (given.length <= named || given.slice(0, named + 1).some((word) => word.startsWith('-'))) return undefined;
  const words = given.map(shellWord);
  return ['spin', command.name, ...words.slice(0, named), '--', ...words.slice(named)].join(' ');
}
