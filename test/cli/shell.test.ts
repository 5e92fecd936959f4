import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands/index.ts';
import { PROVIDER_NAMES } from '../../src/cli/compose.ts';
import { runIn } from '../../src/cli/shell.ts';
import { PROVIDERS } from '../../src/providers/registry.ts';
import { testWorld } from './world.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spin-shell-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function spin(...argv: string[]) {
  const world = testWorld(argv, dir);
  const exit = await runIn(world);
  return { exit, out: world.out(), err: world.err() };
}

describe('the shell', () => {
  it('prints a result on stdout, nothing on stderr, and exits with 0', async () => {
    expect(await spin('ls')).toEqual({ exit: 0, out: 'No spins. Bring one up with: spin up\n', err: '' });
  });

  it('prints an error with its code and a hint on stderr, nothing on stdout', async () => {
    expect(await spin('status', 'nope')).toEqual({
      exit: 1,
      out: '',
      err: 'error[spin-not-found]: there is no spin nope\nhint: spin ls\n',
    });
  });

  it('tells its story whole before the result, however slow the reader of both is', async () => {
    const read: string[] = [];
    const slow = (name: string, ms: number) =>
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          setTimeout(() => {
            read.push(`${name}: ${String(chunk).slice(0, 12)}`);
            done();
          }, ms);
        },
      });
    const world = { ...testWorld(['ls'], dir, { SPIN_OWNR: 'ada' }), stderr: slow('story', 50), stdout: slow('result', 0) };
    expect(await runIn(world)).toBe(0);
    expect(read).toEqual(['story: warning: SPI', 'result: No spins. Br']);
  });

  it('prints help on stdout', async () => {
    const { exit, out, err } = await spin('up', '--help');
    expect([exit, err]).toEqual([0, '']);
    expect(out).toContain('Usage: spin up');
  });

  it.each([
    ['a result', ['ls', '-o', 'json'], { schema: 'spin.ls/1', ok: true, exit: 0, result: { spins: [], unreadable: [] } }],
    [
      'a failure',
      ['status', 'nope', '-o', 'json'],
      {
        schema: 'spin.status/1',
        ok: false,
        exit: 1,
        error: { code: 'spin-not-found', message: 'there is no spin nope', hint: 'spin ls', data: { id: 'nope' } },
      },
    ],
    [
      'an unknown command',
      ['lss', '-o', 'json'],
      { schema: 'spin/1', ok: false, exit: 2, error: { code: 'usage', message: "unknown command 'lss'", hint: 'spin ls' } },
    ],
    [
      'an unknown option',
      ['-o', 'json', 'ls', '--wid'],
      {
        schema: 'spin.ls/1',
        ok: false,
        exit: 2,
        error: { code: 'usage', message: "unknown option '--wid'", hint: 'did you mean --wide?' },
      },
    ],
  ])('prints exactly one document for %s', async (_what, argv, document) => {
    const { exit, out, err } = await spin(...argv);
    expect(JSON.parse(out)).toEqual(document);
    expect([exit, err]).toEqual([document.exit, '']);
  });

  it('never asks without a terminal', async () => {
    const { exit, err } = await spin('down', 'web');
    expect(exit).toBe(5);
    expect(err).toContain('error[confirmation-needed]');
    expect(err).toContain('hint: add --yes');
  });

  it.each([
    [['extend', 'web', '--by', '1h', '--ttl', '1h'], 'extend takes --by or --ttl, not both'],
    [['extend', 'web'], 'extend needs --by or --ttl'],
  ])('reads %s', async (argv, message) => {
    const { exit, err } = await spin(...argv);
    expect([exit, err]).toEqual([2, `error[usage]: ${message}\nhint: spin extend web --by 1h\n`]);
  });

  it('says less with --quiet: only what a script would ask for', async () => {
    expect(await spin('ls', '--quiet')).toEqual({ exit: 0, out: '', err: '' });
  });

  it.each([
    ['--max-percent', '200', 2],
    ['--max-percent', '0', 2],
    ['--max-percent', '100', 0],
    ['--max-spins', '-1', 2],
    ['--max-spins', '1.5', 2],
    ['--max-spins', '0', 0],
  ])('reads gc %s %s: exit code %i', async (option, value, code) => {
    expect((await spin('gc', '--dry-run', option, value)).exit).toBe(code);
  });

  it('quotes the folder in the line to type next', async () => {
    expect((await spin('init', 'web', 'a b')).out).toContain("Next: cd 'a b' && spin up\n");
  });

  it('shows control characters of what it was given instead of obeying them', async () => {
    const { err } = await spin('ls', '--tag', '\u001B]0;owned\u0007');
    expect(err).not.toContain('\u001B');
  });

  it('reports all problems of a config file, unless told to read none', async () => {
    await writeFile(join(dir, 'spin.config.yaml'), 'ttl: soon\nprovidr: local\n');
    const { exit, err } = await spin('ls');
    expect(exit).toBe(2);
    expect(err).toContain('error[config-invalid]');
    expect(err).toContain('spin.config.yaml:1:');
    expect(err).toContain('spin.config.yaml:2:');
    expect((await spin('ls', '--no-config')).exit).toBe(0);
  });

  it('reads a spec from standard input', async () => {
    const world = testWorld(['plan', '-f', '-', '-o', 'json'], dir);
    const stdin = new PassThrough();
    stdin.end('name: piped\nttl: 1h\nservices:\n  web:\n    run: [node, -e, "0"]\n');
    const exit = await runIn({ ...world, stdin });
    const document = JSON.parse(world.out());
    expect([exit, document.result?.id]).toEqual([0, 'piped']);
  });

  it('goes quietly when the reader of its output is gone', async () => {
    const world = testWorld(['config'], dir);
    world.stdout.on('error', () => undefined);
    (world.stdout as PassThrough).destroy(Object.assign(new Error('EPIPE'), { code: 'EPIPE' }));
    expect(await runIn(world)).toBe(0);
    expect(world.err()).toBe('');
  });

  it('leaves no signal handler behind', async () => {
    const before = process.listenerCount('SIGINT');
    await spin('ls');
    await spin('status', 'nope');
    expect(process.listenerCount('SIGINT')).toBe(before);
  });

  it('knows by name every provider that there is', () => {
    expect(PROVIDER_NAMES).toEqual(Object.keys(PROVIDERS));
  });

  it('has one command per name', () => {
    expect(new Set(COMMANDS.map((command) => command.name)).size).toBe(COMMANDS.length);
  });
});
