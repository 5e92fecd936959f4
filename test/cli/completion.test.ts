import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

async function keepSpin(name: string): Promise<void> {
  const record = sampleRecord({ id: parseSpinId(name), spec: specOf({ api: {}, db: { volumes: ['data'] } }) });
  await createFileStore({ dir: join(dir, 'state'), clock: systemClock }).write(undefined, { record, lease: undefined, fence: 0 });
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

  it('completes in a bash without the package bash-completion, sourced twice', async () => {
    const main = join(import.meta.dirname, '../../src/cli/main.ts');
    const root = join(import.meta.dirname, '../..');
    const entry = `import { main } from ${JSON.stringify(main)};\nmain(${JSON.stringify(root)});\n`;
    await writeFile(join(dir, 'entry.mjs'), entry);
    await writeFile(join(dir, 'spin'), `#!/bin/sh\nexec '${process.execPath}' --no-warnings '${dir}/entry.mjs' "$@"\n`, { mode: 0o755 });
    await writeFile(join(dir, 'a-spec.yaml'), '');
    const env = { PATH: `${dir}:${process.env['PATH'] ?? ''}`, HOME: dir, SPIN_STATE: join(dir, 'state'), TERM: 'dumb', PS1: '$ ' };
    const bash = spawn('bash', ['--norc', '--noprofile'], { cwd: dir, cols: 120, rows: 30, env });
    let text = '';
    bash.onData((data) => void (text += data));
    const ended = new Promise<void>((resolve) => bash.onExit(() => resolve()));
    const shows = async (what: string): Promise<void> => {
      await expect.poll(() => text, { timeout: 15_000, interval: 20 }).toContain(what);
    };
    bash.write('source <(spin completion bash); source <(spin completion bash); echo sour""ced\r');
    await shows('sourced');
    bash.write(': spin ; spin statu\t');
    await shows('spin status');
    bash.write('\u0015spin up -f a-sp\t');
    await shows('a-spec.yaml');
    bash.write('\u0015exit\r');
    await ended;
    expect(text).not.toMatch(/readonly|command not found/);
  });

  it('refuses a shell that it does not know', async () => {
    const { exit, err } = await spin('completion', 'tcsh');
    expect([exit, err.split('\n')[0]]).toEqual([2, 'error[usage]: completion needs a shell: bash, zsh, fish']);
  });
});
