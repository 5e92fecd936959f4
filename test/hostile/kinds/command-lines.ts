import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../../../src/cli/command.ts';
import { COMMANDS } from '../../../src/cli/commands/index.ts';
import { GLOBAL_OPTIONS, YES } from '../../../src/cli/options.ts';
import { parse } from '../../../src/cli/program.ts';
import { runIn } from '../../../src/cli/shell.ts';
import { ERROR_CODES, EXIT } from '../../../src/core/error-codes.ts';
import { testWorld } from '../../cli/world.ts';
import type { Dice } from '../dice.ts';
import { demand, type Kind } from '../kind.ts';
import { CANARY, nastyText } from '../nasty.ts';
import { demandTame } from '../page.ts';
import { soundRecord } from './records.ts';

/** Command lines that are only read. */
export const commandLines: Kind = {
  name: 'command-line',
  cases: 16_000,
  make(dice) {
    const argv = argvOf(dice, dice.pick(COMMANDS));
    return {
      show: () => JSON.stringify(argv),
      feed() {
        const parsed = parse(argv, COMMANDS, '1.2.3', () => 100);
        if (parsed.kind === 'print') return demand(parsed.text.length < 100_000, 'endless help');
        const { input } = parsed;
        for (const option of ['tag', 'wait', 'output', 'id', '__proto__', 'constructor', 'toString']) {
          const text = input.text(option);
          demand(text === undefined || argv.some((word) => word.includes(text)), `the option ${option}, which nobody gave`);
          demand(
            input.list(option).every((each) => argv.some((word) => word.includes(each))),
            `the options ${option}, which nobody gave`,
          );
        }
      },
    };
  },
};

/** Commands that look, or refuse, or have nothing to do: nothing is brought up by them. */
const HARMLESS: readonly Command[] = COMMANDS.filter(({ name }) => !['up', 'completion', 'notice'].includes(name));

/** Command lines that are carried out, in a folder with a spec and a record that may be spoilt. */
export const commands: Kind = {
  name: 'command',
  cases: 2_500,
  capMs: 20_000,
  make(dice) {
    const command = dice.pick(HARMLESS);
    const argv = withoutEndless(argvOf(dice, command));
    const json = dice.chance(0.4);
    const spec = dice.chance(0.5) ? 'name: web\nttl: 1h\nservices: { web: { run: [node, x.js] } }\n' : nastyText(dice);
    const record = dice.chance(0.3) ? soundRecord(dice).slice(0, dice.chance(0.5) ? -100 : undefined) : undefined;
    return {
      show: () => JSON.stringify({ argv: json ? [...argv, '-o', 'json'] : argv, spec, record }, undefined, 1),
      feed: (folder) => carryOut(folder, json ? [...argv, '--output', 'json'] : argv, spec, record),
    };
  },
};

async function carryOut(folder: string, argv: readonly string[], spec: string, record: string | undefined): Promise<void> {
  const dir = mkdtempSync(join(folder, 'command-'));
  try {
    writeFileSync(join(dir, 'spin.yaml'), spec);
    if (record !== undefined) {
      const spin = join(dir, 'state/spins/web');
      mkdirSync(spin, { recursive: true });
      writeFileSync(join(spin, 'life.a'), '');
      writeFileSync(join(spin, 'record.a.1.json'), record);
    }
    const world = testWorld(argv, dir);
    (world.stdin as unknown as { end(): void }).end();
    const exit = await runIn(world);
    demand(
      Object.values(EXIT).some((known) => known === exit),
      `exit code ${exit}`,
    );
    demand(exit !== EXIT.internal, `an internal error: ${world.err()}${world.out()}`);
    demand(!existsSync(join(dir, CANARY)), 'a command that ran another');
    checkOutput(argv, exit, world.out(), world.err());
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const STACK = /^ {4}at /m;

function checkOutput(argv: readonly string[], exit: number, out: string, err: string): void {
  const verbose = argv.some((word) => word === '--verbose' || /^-[a-z]*v/.test(word));
  demand(verbose || !STACK.test(out + err), `a stack trace: ${out}${err}`);
  demandTame(err);
  if (out.startsWith('{"') || out.startsWith('{\n')) {
    const documents = out.trimEnd().split('\n}\n').length;
    const end = argv.indexOf('--');
    if ((end === -1 ? argv : argv.slice(0, end)).includes('json')) {
      demand(documents === 1, `${documents} documents`);
      checkDocument(out, exit);
    }
  } else demandTame(out);
}

function checkDocument(out: string, exit: number): void {
  const document = JSON.parse(out) as { readonly exit?: unknown; readonly error?: { readonly code: string } };
  // `spin schema` and `spin creds` print what is not spin's own.
  if (document.exit === undefined) return;
  demand(document.exit === exit, `exit code ${exit}, and another in the document: ${out}`);
  if (document.error !== undefined) demand(Object.hasOwn(ERROR_CODES, document.error.code), `the code ${document.error.code}`);
}

/** Following has no end, and waiting may take as long as it likes. */
function withoutEndless(argv: readonly string[]): readonly string[] {
  return argv.filter((word) => !/^(?:-[a-zA-Z]*[fw].*|--f.*|--w.*)$/.test(word));
}

/** A line of words: the command's own options and arguments, and what nobody would type. */
function argvOf(dice: Dice, command: Command): readonly string[] {
  const words: string[] = [];
  if (dice.chance(0.95)) words.push(command.name);
  for (const argument of command.args) {
    if (dice.chance(0.3)) continue;
    const times = argument.form.includes('...') ? dice.below(4) : 1;
    for (let n = 0; n < times; n++) words.push(wordOf(dice));
  }
  for (const { flags } of dice.some([...GLOBAL_OPTIONS, ...command.options, YES], 0.25)) {
    const flag = dice.pick(flags.split(/[ ,]+/).filter((part) => part.startsWith('-')));
    // Where the state lies is settled by the test.
    if (flag === '--state') continue;
    const takes = /[<[]/.test(flags);
    if (takes && dice.chance(0.3)) words.push(`${flag}=${wordOf(dice)}`);
    else words.push(flag, ...(takes || dice.chance(0.1) ? [wordOf(dice)] : []));
  }
  if (dice.chance(0.15)) words.splice(dice.below(words.length + 1), 0, nastyText(dice));
  if (dice.chance(0.05)) words.push('--', wordOf(dice));
  // An argument cannot hold a NUL.
  return words.map((word) => word.replaceAll('\0', ''));
}

function wordOf(dice: Dice): string {
  return dice.chance(0.5)
    ? dice.pick(['web', 'shop', '1h', '5', 'json', 'text', 'team=blue', '2026-01-01', 'spin', 'tag:team'])
    : nastyText(dice);
}
