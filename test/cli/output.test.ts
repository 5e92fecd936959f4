import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { asLines, writerOn } from '../../src/cli/output.ts';

/** More than any pipe holds. */
const LINES = 40_000;
const LINE = 'žluťoučký 🦊\n';

/** Runs a bash line in which `$SAY` writes LINES lines, a part of them at a time, and ends with 3 where its reader is gone. */
function bash(line: string) {
  const dir = mkdtempSync(join(tmpdir(), 'spin-output-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const program = `
    import { writerOn } from ${JSON.stringify(join(import.meta.dirname, '../../src/cli/output.ts'))};
    const writer = writerOn(() => process.stdout, 1);
    for (let at = 0; at < 4; at++) await writer.write(${JSON.stringify(LINE)}.repeat(${LINES / 4}));
    process.exit(writer.closed.aborted ? 3 : 0);
  `;
  writeFileSync(join(dir, 'say.mjs'), program);
  const env = { ...process.env, SAY: `${process.execPath} --no-warnings ${join(dir, 'say.mjs')}` };
  return { dir, ...spawnSync('bash', ['-c', `set -o pipefail; ${line}`], { cwd: dir, env, encoding: 'utf8' }) };
}

const BYTES = Buffer.byteLength(LINE) * LINES;

it('writes all to a file', () => {
  const { dir, status, stderr } = bash('$SAY > out');
  expect([status, stderr]).toEqual([0, '']);
  expect(readFileSync(join(dir, 'out'), 'utf8')).toBe(LINE.repeat(LINES));
});

it('writes all to a pipe whose reader is slow', () => {
  const { status, stdout } = bash('$SAY | (sleep 0.2; wc -c)');
  expect([status, Number(stdout)]).toEqual([0, BYTES]);
});

it.skipIf(spawnSync('perl', ['-e', '0']).status !== 0)('writes all, in order, to a pipe that somebody set to non-blocking', () => {
  const setting = `perl -e 'use Fcntl; fcntl(STDOUT, F_SETFL, O_WRONLY | O_NONBLOCK)'`;
  const { dir, status } = bash(`(${setting}; exec $SAY) | (sleep 0.2; cat > out)`);
  expect(status).toBe(0);
  expect(readFileSync(join(dir, 'out'), 'utf8')).toBe(LINE.repeat(LINES));
});

it('swallows what comes after its reader left', () => {
  expect(bash('$SAY | head -n 1')).toMatchObject({ stdout: LINE, status: 3, stderr: '' });
});

it('leaves the descriptor alone that is none', async () => {
  const stream = new PassThrough();
  const writer = writerOn(() => stream);
  await writer.write(asLines('one'));
  expect(stream.read().toString('utf8')).toBe('one\n');
  expect(writer.screen()).toBe(stream);
});
