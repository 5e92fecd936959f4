import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { runIn } from '../../src/cli/shell.ts';
import { systemClock } from '../../src/core/clock.ts';
import { parseSpinId } from '../../src/core/ids.ts';
import { createFileStore } from '../../src/store/file-store.ts';
import { specOf } from '../plan/specs.ts';
import { sampleRecord } from '../store/samples.ts';
import { testWorld } from './world.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spin-completion-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function spin(...argv: string[]) {
  const world = testWorld(argv, dir);
  return { exit: await runIn(world), out: world.out(), err: world.err() };
}

/** The words offered, and the last line, which tells the shell whether to offer files. */
async function offered(...words: string[]) {
  const lines = (await spin('complete', '--', ...words)).out.trimEnd().split('\n');
  return { words: lines.slice(0, -1).map((line) => line.split('\t')[0]), files: lines.at(-1) === ':0' };
}

async function keepSpin(name: string, state = 'state'): Promise<void> {
  const record = sampleRecord({ id: parseSpinId(name), spec: specOf({ api: {}, db: { volumes: ['data'] } }) });
  await createFileStore({ dir: join(dir, state), clock: systemClock }).write(undefined, { record, lease: undefined, fence: 0 });
}

function installed(shell: string): boolean {
  return spawnSync(shell, ['-c', 'exit 0']).status === 0;
}

/** A shell on a terminal in the test's folder, which has a spec, a `spin`, and a spin `web` in the state folder `else where`. */
async function openShell(shell: string, start: readonly string[], ready: string) {
  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  const root = join(import.meta.dirname, '../..');
  await keepSpin('web', 'else where');
  await writeFile(join(dir, 'entry.mjs'), `import { main } from ${JSON.stringify(main)};\nmain(${JSON.stringify(root)});\n`);
  await writeFile(join(dir, 'spin'), `#!/bin/sh\nexec '${process.execPath}' --no-warnings '${dir}/entry.mjs' "$@"\n`, { mode: 0o755 });
  await writeFile(join(dir, 'a-spec.yaml'), '');
  const env = { PATH: `${dir}:${process.env['PATH'] ?? ''}`, HOME: dir, SPIN_STATE: join(dir, 'state'), TERM: 'dumb', PS1: '$ ' };
  const terminal = spawn(shell, [...start], { cwd: dir, cols: 200, rows: 50, env });
  onTestFinished(() => terminal.kill('SIGKILL'));
  let all = '';
  let fresh = '';
  terminal.onData((data) => {
    all += data;
    fresh += data;
  });
  const ended = new Promise<void>((resolve) => terminal.onExit(() => resolve()));
  const shows = async (what: string): Promise<void> => {
    await expect.poll(() => fresh, { timeout: 15_000, interval: 20 }).toContain(what);
  };
  terminal.write(`${ready}; echo rea""dy\r`);
  await shows('ready');
  return {
    /** Types a line, waits until the terminal shows `what`, and takes the line back. */
    async type(keys: string, what: string | undefined): Promise<void> {
      fresh = '';
      terminal.write(keys);
      if (what !== undefined) await shows(what);
      terminal.write('\u0015\u000b');
      fresh = '';
      // A comment of its own tells that everything before it was worked off.
      terminal.write('echo do""ne\r');
      await shows('done');
    },
    async close(): Promise<string> {
      terminal.write('\u0015exit\r');
      await ended;
      return all;
    },
  };
}

describe('completion', () => {
  it('offers commands, and none that is hidden', async () => {
    const { words } = await offered('');
    expect(words).toContain('up');
    expect(words).toContain('completion');
    expect(words).not.toContain('notice');
    expect((await offered('do')).words).toEqual(['down', 'doctor']);
  });

  it('offers options and their values', async () => {
    expect((await offered('ls', '--w')).words).toEqual(['--wide']);
    expect((await offered('ls', '--output', '')).words).toEqual(['text', 'json']);
    expect((await offered('up', '--on-failure', 'k')).words).toEqual(['keep']);
  });

  it('offers the spins that there are, and the services and volumes of the one named', async () => {
    await keepSpin('web');
    await keepSpin('worker');
    expect((await offered('status', '')).words).toEqual(['web', 'worker']);
    expect((await offered('down', 'web', 'wo')).words).toEqual(['worker']);
    expect((await offered('logs', 'web', '')).words).toEqual(['api', 'db']);
    expect((await offered('snapshot', 'web', '')).words).toEqual(['data']);
  });

  it('offers templates', async () => {
    expect((await offered('init', 'w')).words).toEqual(['web', 'worker-queue']);
  });

  it('leaves files to the shell', async () => {
    expect(await offered('up', '-f', '')).toEqual({ words: [], files: true });
    expect((await offered('--state', '')).files).toBe(true);
    expect((await offered('status', '')).files).toBe(false);
    await keepSpin('web');
    expect(await offered('logs', '-f', '')).toEqual({ words: ['web'], files: false });
  });

  it.each([
    ['--state', 'else where'],
    ['--state', "'else where'"],
    ['--state', 'else\\ where'],
    ['--state', '"else where"'],
    ['--state', '~/else\\ where'],
    ['--state="else where"'],
  ])('offers the spins of the state folder that the line gives: %s %s', async (...given) => {
    await keepSpin('web', 'else where');
    await keepSpin('other');
    expect((await offered(...given, 'status', '')).words).toEqual(['web']);
    expect((await offered('status', ...given, '')).words).toEqual(['web']);
  });

  it('looks nothing up and runs nothing to know what a state folder on the line is', async () => {
    expect((await offered('--state', `$(touch ${dir}/made)`, 'status', '')).words).toEqual([]);
    expect(await readdir(dir)).not.toContain('made');
  });

  it('stays silent where the state cannot be read', async () => {
    const world = testWorld(['complete', '--', 'status', ''], dir, { SPIN_STATE: '/dev/null/nowhere' });
    expect(await runIn(world)).toBe(0);
    expect(world.err()).toBe('');
  });

  it.each(['bash', 'zsh', 'fish'])('prints a script for %s that calls back', async (shell) => {
    const { exit, out } = await spin('completion', shell);
    expect(exit).toBe(0);
    expect(out).toContain('spin complete --');
  });

  it('prints a script that bash can read', async () => {
    const { out } = await spin('completion', 'bash');
    expect(() => execFileSync('bash', ['-n'], { input: out })).not.toThrow();
  });

  it('prints it behind global options too, and as a document', async () => {
    const { out } = await spin('completion', 'zsh');
    expect((await spin('--state', dir, '--no-color', 'completion', 'zsh')).out).toBe(out);
    expect((await spin('-q', 'completion', 'zsh')).out).toBe(out);
    const document = JSON.parse((await spin('-o', 'json', 'completion', 'zsh')).out);
    expect(document).toMatchObject({ schema: 'spin.completion/1', ok: true, result: { shell: 'zsh' } });
    expect(`${document.result.script.trimEnd()}\n`).toBe(out);
  });

  describe.each([
    { shell: 'bash', start: ['--norc', '--noprofile'], ready: 'source <(spin completion bash); source <(spin completion bash)' },
    {
      shell: 'zsh',
      start: ['-f'],
      // Zsh itself would have the tab expand a word, running what stands in it, before it completes.
      ready: "bindkey '\\t' complete-word; autoload -U compinit && compinit -u -D; source <(spin completion zsh)",
    },
  ])('in a real $shell', ({ shell, start, ready }) => {
    it.skipIf(!installed(shell))('completes commands, values and files, sourced twice', async () => {
      const terminal = await openShell(shell, start, ready);
      await terminal.type(': spin ; spin statu\t', 'spin status ');
      await terminal.type('spin up -f a-sp\t', 'a-spec.yaml');
      await terminal.type('spin ls --output=js\t', '--output=json');
      await terminal.type('spin ls --output js\t', '--output json');
      await terminal.type('FOO=1 spin --state else\\ where status we\t', 'status web');
      expect(await terminal.close()).not.toMatch(/readonly|command not found/);
    });

    it.skipIf(!installed(shell))('runs nothing of what stands on the line', async () => {
      const terminal = await openShell(shell, start, ready);
      // Makes a file, in any shell, without a blank that would end the word.
      const touch = (name: string): string => `:>${dir}/made-${name}`;
      const lines = [
        `spin $(${touch('substitution')}) `,
        `spin \`${touch('backquotes')}\` `,
        `spin status "$(${touch('quoted')})`,
        `spin status -x$(${touch('option')})=`,
        `spin ls --output=$(${touch('value')}) `,
        `spin ls 'a[$(${touch('subscript')})]' `,
        `spin a[$(${touch('index')})] `,
        `spin ls x';'${touch('semicolon')} `,
      ];
      for (const line of lines) await terminal.type(`${line}\t\t`, undefined);
      await terminal.type('spin statu\t', 'spin status ');
      await terminal.close();
      expect((await readdir(dir)).filter((name) => name.startsWith('made'))).toEqual([]);
    });
  });

  it('refuses a shell that it does not know', async () => {
    const { exit, err } = await spin('completion', 'tcsh');
    expect([exit, err.split('\n')[0]]).toEqual([2, 'error[usage]: completion needs a shell: bash, zsh, fish']);
  });
});
