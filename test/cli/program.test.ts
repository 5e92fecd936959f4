import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands/index.ts';
import { asksForJson, readBare } from '../../src/cli/line.ts';
import { GLOBAL_OPTIONS, YES } from '../../src/cli/options.ts';
import { parse } from '../../src/cli/program.ts';
import { SpinError } from '../../src/core/errors.ts';

const read = (...argv: string[]) => parse(argv, COMMANDS, '1.2.3', () => 100);

function run(...argv: string[]) {
  const parsed = read(...argv);
  if (parsed.kind !== 'run') throw new TypeError(`${argv.join(' ')} printed ${parsed.text}`);
  return parsed;
}

function refusal(...argv: string[]): SpinError {
  try {
    read(...argv);
  } catch (thrown) {
    if (thrown instanceof SpinError) return thrown;
    throw thrown;
  }
  throw new TypeError(`${argv.join(' ')} was not refused`);
}

/** What an input answers to everything that could be asked of it. */
function answersOf({ input, globals, command }: ReturnType<typeof run>) {
  const options = [...command.options.flatMap(({ flags }) => /--([a-z-]+)/.exec(flags)?.[1] ?? []), 'yes'];
  const names = command.args.map(({ form }) => form.replace(/[<>[\].]/g, ''));
  return {
    globals,
    name: command.name,
    json: input.json,
    options: options.map((option) => [option, input.text(option), input.flag(option), input.list(option)]),
    args: names.map((name) => [name, input.arg(name), input.args(name)]),
  };
}

describe('a command line', () => {
  it.each(COMMANDS.map(({ name }) => name))('that is %s alone is read without the parser as with it', (name) => {
    const bare = readBare([name], COMMANDS);
    if (bare === undefined) expect(refusal(name).code).toBe('usage');
    else expect(bare.kind === 'run' && answersOf(bare)).toEqual(answersOf(run(name)));
  });

  it('that can be read in more than one way, or is wrong, is for the parser', () => {
    const lines = [
      '',
      'lss',
      '-q ls',
      'help',
      '--help',
      'ls web',
      'ls -o json',
      'down --wait',
      'down -yq',
      'down --no-color',
      'down --yes=1',
      'up -f',
      'up -f --quiet',
      'up -fweb.yaml',
      'up -f a.yaml -f b.yaml',
      'up -t team=web',
    ];
    for (const line of [...lines, 'down -- web', 'down -', 'up --yes', 'exec web api ls', 'completion zsh', 'status web api']) {
      expect(readBare(line === '' ? [] : line.split(' '), COMMANDS), line).toBeUndefined();
    }
  });

  it('of names, switches and plain values needs no parser', () => {
    for (const line of [
      'ls --wide',
      'down web --yes',
      'down -q a b -y --force',
      'status web -v',
      'up -f web.yaml --ttl 2h -q',
      'up -f -',
    ]) {
      expect(readBare(line.split(' '), COMMANDS), line).toBeDefined();
    }
  });

  it('is read without the parser exactly as with it, or not at all', () => {
    const options = COMMANDS.flatMap((command) => [...command.options, ...GLOBAL_OPTIONS, YES]).flatMap(({ flags }) => flags.split(/, | /));
    const words = [
      ...options,
      'web',
      'a b',
      '',
      '-',
      '--',
      '-yq',
      '--yes=1',
      '--ye',
      '-o=json',
      '--output=json',
      'help',
      'json',
      'down',
      '__proto__',
    ];
    const line = fc.tuple(
      fc.constantFrom(...COMMANDS.map(({ name }) => name)),
      fc.array(fc.constantFrom(...words, '-y', '-q', 'web'), { maxLength: 5 }),
    );
    let read = 0;
    fc.assert(
      fc.property(line, ([name, rest]) => {
        const bare = readBare([name, ...rest], COMMANDS);
        if (bare?.kind !== 'run') return;
        read++;
        expect(answersOf(bare)).toEqual(answersOf(run(name, ...rest)));
      }),
      { numRuns: 3_000 },
    );
    expect(read).toBeGreaterThan(100);
  });

  it('takes global options before and after the command', () => {
    for (const argv of [
      ['-o', 'json', '--state', '/s', 'ls'],
      ['ls', '-o', 'json', '--state', '/s'],
    ]) {
      expect(run(...argv).globals).toMatchObject({ output: 'json', state: '/s', quiet: false, colour: true, config: true });
    }
  });

  it('turns colour and config off', () => {
    expect(run('ls', '--no-color', '--no-config').globals).toMatchObject({ colour: false, config: false });
  });

  it('collects options that repeat', () => {
    expect(run('ls', '-t', 'a=1', '--tag', 'b=2').input.list('tag')).toEqual(['a=1', 'b=2']);
  });

  it('knows an option with and without its value', () => {
    expect(run('up', '--wait').input.flag('wait')).toBe(true);
    expect(run('up', '--wait', '5m').input.text('wait')).toBe('5m');
    expect(run('up').input.flag('wait')).toBe(false);
  });

  it('gives positional arguments by name', () => {
    expect(run('down', 'a', 'b').input.args('ids')).toEqual(['a', 'b']);
    expect(run('status').input.arg('id')).toBeUndefined();
    expect(run('logs', 'web', 'api').input.arg('service')).toBe('api');
  });

  it('follows with -f', () => {
    for (const name of ['logs', 'events']) expect(run(name, 'web', '-f').input.flag('follow')).toBe(true);
  });

  it('leaves everything behind -- to the command that exec runs', () => {
    const { input, globals } = run('exec', 'web', 'api', '-q', '--', 'ls', '-o', 'json', '--', '--yes');
    expect(input.args('command')).toEqual(['ls', '-o', 'json', '--', '--yes']);
    expect(globals).toMatchObject({ output: 'text', quiet: true, yes: false });
  });

  it('has --yes only where something is asked', () => {
    expect(run('down', 'web', '-y').globals.yes).toBe(true);
    expect(refusal('ls', '--yes').code).toBe('usage');
  });

  it.each([
    [['lss'], "unknown command 'lss'", 'spin ls'],
    [['ls', '--wid'], "unknown option '--wid'", 'did you mean --wide?'],
    [['up', '--on-failure', 'explode'], 'Allowed choices are keep, rollback', 'spin up --help'],
    [['status', 'a', 'b'], 'too many arguments', 'spin status --help'],
    [['exec', 'web'], "missing required argument 'service'", 'spin exec --help'],
    [['-o', 'json'], 'no command', 'spin --help'],
    [['exec', 'web', 'web', 'ls', '-la'], "unknown option '-la'", 'spin exec web web -- ls -la'],
    [['-v', 'exec', 'web', 'web', 'sh', '-c', 'echo $HOME'], "unknown option '-c'", "spin exec web web -- sh -c 'echo $HOME'"],
    [['exec', '--bogus', 'web', 'web', 'ls'], "unknown option '--bogus'", 'spin exec --help'],
  ])('refuses %j with a hint that can be typed', (argv, message, hint) => {
    const error = refusal(...argv);
    expect(error.code).toBe('usage');
    expect(error.message).toContain(message);
    expect(error.hint).toBe(hint);
  });

  it('can be asked again: one reading leaves nothing behind for the next', () => {
    expect(run('ls', '-t', 'a=1').input.list('tag')).toEqual(['a=1']);
    expect(run('ls').input.list('tag')).toEqual([]);
  });

  it('is known to ask for JSON even where it is wrong', () => {
    expect(asksForJson(['lss', '-o', 'json'])).toBe(true);
    expect(asksForJson(['--output=json'])).toBe(true);
    expect(asksForJson(['exec', 'a', 'b', '--', '-o', 'json'])).toBe(false);
  });
});

describe('help', () => {
  const printed = (...argv: string[]): string => {
    const parsed = read(...argv);
    return parsed.kind === 'print' ? parsed.text : '';
  };

  it('lists every command in its group, and none that is hidden', () => {
    const text = printed('--help');
    for (const command of COMMANDS) expect(text.includes(`\n  ${command.name} `)).toBe(command.hidden !== true);
    expect([...text.matchAll(/^(Bring up|Look|End|Set up)$/gm)].map(([group]) => group)).toEqual(['Bring up', 'Look', 'End', 'Set up']);
  });

  it('is also printed by a command of that name', () => {
    expect(printed('help')).toBe(printed('--help'));
    expect(printed('help', 'up')).toBe(printed('up', '--help'));
    expect(printed('--verbose', '--state', 'help', 'help', 'up')).toBe(printed('up', '--help'));
    expect(printed('completion', '--help')).toContain('Usage: spin completion');
  });

  it('is what a line without a command prints', () => {
    expect(printed()).toBe(printed('--help'));
    expect(printed('--verbose')).toBe(printed('--help'));
  });

  it('fits into a hundred columns', () => {
    const texts = ['', ...COMMANDS.map((command) => command.name)].map((name) => printed(...(name === '' ? [] : [name]), '--help'));
    const wide = texts.flatMap((text) => text.split('\n')).filter((line) => line.length > 100 && !line.startsWith('  $'));
    expect(wide).toEqual([]);
  });

  it.each(COMMANDS.map((command) => command.name))('of %s has examples, which can all be read', (name) => {
    const command = COMMANDS.find((each) => each.name === name);
    expect(printed(name, '--help')).toContain('Examples:');
    for (const [line] of command?.examples ?? []) {
      for (const part of line.split('&&')) {
        const words = part.replace(/<.*|>.*/, '').match(/"[^"]*"|\S+/g) ?? [];
        expect(() => read(...words.slice(1))).not.toThrow();
      }
    }
  });
});
