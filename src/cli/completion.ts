import { RootCommand, script } from '@bomb.sh/tab';
import { SpinError } from '../core/errors.ts';
import { isSpinId } from '../core/ids.ts';
import type { Store } from '../store/store.ts';
import type { ArgumentSpec, Command, Completes, OptionSpec } from './command.ts';
import { COMMANDS } from './commands/index.ts';
import { GLOBAL_OPTIONS, YES } from './options.ts';
import type { World } from './world.ts';

const SHELLS = ['bash', 'zsh', 'fish'];
/** Options whose value is a file: left to the shell. */
const FILES = new Set(['-f', '--file', '--state']);
const FILE_DIRECTIVE = ':0\n';

/**
 * `spin completion SHELL`: the script to source. `spin complete -- WORDS`: what that script asks while the user types.
 * @throws SpinError `usage`
 */
export async function completion(world: World): Promise<string> {
  const [verb, ...rest] = world.argv;
  if (verb === 'completion') return scriptFor(rest);
  const words = rest[0] === '--' ? rest.slice(1) : rest;
  if (FILES.has(words.at(-2) ?? '')) return FILE_DIRECTIVE;
  const offers = await offersFor(words, world).catch(() => ({}));
  return printed(() => makeRoot(offers).parse([...words]));
}

function scriptFor([shell, ...rest]: readonly string[]): string {
  if (shell === undefined || rest.length > 0 || !SHELLS.includes(shell)) {
    throw new SpinError('usage', `completion needs a shell: ${SHELLS.join(', ')}`, { hint: 'source <(spin completion bash)' });
  }
  return printed(() => script(shell, 'spin', 'spin'));
}

type Offers = Partial<Record<Completes, readonly string[]>>;

/** The words that only the records know, loaded only where the command at hand asks for them. */
async function offersFor(words: readonly string[], world: World): Promise<Offers> {
  const command = COMMANDS.find((each) => words.includes(each.name));
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
  const { settings } = await loadConfig({ cwd: world.cwd(), home: world.home, env: world.env });
  const store = createFileStore({ dir: settings.state, clock: systemClock });
  const spin = (await store.list()).records.map(({ record }) => record.id);
  return { spin, ...(await partsOf(store, words)) };
}

/** Services and volumes of the spin that is named already. */
async function partsOf(store: Store, words: readonly string[]): Promise<Offers> {
  for (const word of words.slice(1, -1).filter(isSpinId)) {
    const stored = await store.read(word);
    if (stored !== undefined) return { service: Object.keys(stored.record.spec.services), volume: Object.keys(stored.record.spec.volumes) };
  }
  return {};
}

function makeRoot(offers: Offers): RootCommand {
  const root = new RootCommand();
  for (const option of GLOBAL_OPTIONS) addOption(root, option);
  for (const command of COMMANDS.filter((each) => each.hidden !== true)) {
    const added = root.command(command.name, command.summary);
    for (const option of optionsOf(command)) addOption(added, option);
    for (const argument of command.args) addArgument(added, argument, offers);
  }
  root.command('completion', 'Print a completion script').argument('shell', (complete) => {
    for (const shell of SHELLS) complete(shell, '');
  });
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

function addArgument(target: Target, { form, completes }: ArgumentSpec, offers: Offers): void {
  target.argument(
    form.replace(/[<>[\].]/g, ''),
    (complete) => {
      for (const offer of completes === undefined ? [] : (offers[completes] ?? [])) complete(offer, '');
    },
    form.includes('...'),
  );
}

/** The library prints with console.log; what it prints belongs to the shell of this program. */
function printed(print: () => void): string {
  const lines: string[] = [];
  const { log } = console;
  console.log = (line: string) => lines.push(line);
  try {
    print();
  } finally {
    console.log = log;
  }
  return lines.join('\n');
}
