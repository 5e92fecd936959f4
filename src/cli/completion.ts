import { RootCommand } from '@bomb.sh/tab';
import { isSpinId } from '../core/ids.ts';
import type { Store } from '../store/store.ts';
import type { ArgumentSpec, Command, Completes, OptionSpec } from './command.ts';
import { COMMANDS } from './commands/index.ts';
import { GLOBAL_OPTIONS, YES } from './options.ts';
import { printed } from './printed.ts';
import type { World } from './world.ts';

const FILE_DIRECTIVE = ':0\n';

/** `spin complete -- WORDS`: what the script of `spin completion` asks while the user types. */
export async function offers(world: World): Promise<string> {
  const rest = world.argv.slice(1);
  const words = inParts(rest[0] === '--' ? rest.slice(1) : rest);
  if (wantsFile(words)) return FILE_DIRECTIVE;
  const known = await offersFor(words, world).catch(() => ({}));
  return printed(() => makeRoot(known, commandIn(words)).parse([...words]));
}

/** `--state=DIR` as the library knows it: in two words, unless it is the one at hand. */
function inParts(words: readonly string[]): readonly string[] {
  return [...words.slice(0, -1).flatMap((word) => /^(--[a-z-]+)=(.*)$/s.exec(word)?.slice(1) ?? [word]), ...words.slice(-1)];
}

function commandIn(words: readonly string[]): Command | undefined {
  return COMMANDS.find((each) => words.includes(each.name));
}

/** Whether the word at hand is the value of an option that is a file or folder: left to the shell. */
function wantsFile(words: readonly string[]): boolean {
  const command = commandIn(words);
  const options = command === undefined ? GLOBAL_OPTIONS : optionsOf(command);
  return options.some(({ flags }) => /<(file|dir)>/.test(flags) && flags.split(/[ ,]+/).includes(words.at(-2) ?? ''));
}

type Offers = Partial<Record<Completes, readonly string[]>>;

/** The words that only the records know, loaded only where the command at hand asks for them. */
async function offersFor(words: readonly string[], world: World): Promise<Offers> {
  const command = commandIn(words);
  const kinds = new Set(command?.args.map((argument) => argument.completes));
  if (kinds.has('template')) {
    const { readdirSync } = await import('node:fs');
    return { template: readdirSync(world.installation.templates) };
  }
  if (command === undefined || !kinds.has('spin')) return {};
  const [{ loadConfig }, { createFileStore }, { systemClock }] = await Promise.all([
    import('../spec/config.ts'),
    import('../store/file-store.ts'),
    import('../core/clock.ts'),
  ]);
  const state = stateIn(words, world.home);
  const flags = state === undefined ? {} : { state };
  const { settings } = await loadConfig({
    cwd: world.cwd(),
    home: world.home,
    env: world.env,
    flags,
    noConfig: words.includes('--no-config'),
  });
  const store = createFileStore({ dir: settings.state, clock: systemClock });
  const spin = (await store.list()).records.map(({ record }) => record.id);
  return { spin, ...(await partsOf(store, words)) };
}

/** The folder that `--state` gives on the line. */
function stateIn(words: readonly string[], home: string): string | undefined {
  // The word at hand is not finished yet.
  const given = words.slice(0, -1);
  const word = given[given.lastIndexOf('--state') + 1];
  return !given.includes('--state') || word === undefined || word === '' ? undefined : unquoted(word, home);
}

/** What a word that was typed to a shell stands for, without anything that the shell would have to run or to look up. */
function unquoted(word: string, home: string): string {
  const text = word.replace(
    /\\(.)|'([^']*)'|"((?:[^"\\]|\\.)*)"/g,
    (_all, escaped?: string, single?: string, double?: string) => escaped ?? single ?? (double ?? '').replace(/\\(["\\$`])/g, '$1'),
  );
  return word === '~' || word.startsWith('~/') ? `${home}${text.slice(1)}` : text;
}

/** Services and volumes of the spin that is named already. */
async function partsOf(store: Store, words: readonly string[]): Promise<Offers> {
  for (const word of words.slice(1, -1).filter(isSpinId)) {
    const stored = await store.read(word);
    if (stored !== undefined) return { service: Object.keys(stored.record.spec.services), volume: Object.keys(stored.record.spec.volumes) };
  }
  return {};
}

/** @param chosen the only one to have its options: the library takes the `-f` of any command for that of the one at hand */
function makeRoot(known: Offers, chosen: Command | undefined): RootCommand {
  const root = new RootCommand();
  for (const option of GLOBAL_OPTIONS) addOption(root, option);
  for (const command of COMMANDS.filter((each) => each.hidden !== true)) {
    const added = root.command(command.name, command.summary);
    for (const option of command === chosen ? optionsOf(command) : []) addOption(added, option);
    for (const argument of command.args) addArgument(added, argument, known);
  }
  return root;
}

function optionsOf(command: Command): readonly OptionSpec[] {
  return [...command.options, ...(command.asks === true ? [YES] : []), ...GLOBAL_OPTIONS].filter((option) => option.hidden !== true);
}

type Target = ReturnType<RootCommand['command']>;

function addOption(target: Target, { flags, summary, choices }: OptionSpec): void {
  const long = /--([a-z-]+)/.exec(flags)?.[1] ?? '';
  const short = /^-([a-zA-Z]),/.exec(flags)?.[1];
  if (!flags.includes('<')) target.option(long, summary, short);
  else {
    const offer = (complete: (value: string, description: string) => void): void => {
      for (const choice of choices ?? []) complete(choice, '');
    };
    target.option(long, summary, offer, short);
  }
}

function addArgument(target: Target, { form, completes, choices }: ArgumentSpec, known: Offers): void {
  target.argument(
    form.replace(/[<>[\].]/g, ''),
    (complete) => {
      for (const offer of choices ?? (completes === undefined ? [] : (known[completes] ?? []))) complete(offer, '');
    },
    form.includes('...'),
  );
}
