import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { installationAt } from '../../src/cli/installation.ts';
import type { Outgoing, World } from '../../src/cli/world.ts';

const ROOT = join(import.meta.dirname, '../..');

/** A world of its own for one command line, with what was written to it. */
export interface TestWorld extends World {
  readonly out: () => string;
  readonly err: () => string;
}

/** @param dir home, working directory and state of the run */
export function testWorld(argv: readonly string[], dir: string, env: Readonly<Record<string, string>> = {}): TestWorld {
  const [stdout, stderr] = [sink(), sink()];
  return {
    argv,
    env: { HOME: dir, SPIN_STATE: join(dir, 'state'), PATH: process.env['PATH'], ...env },
    home: dir,
    installation: installationAt(ROOT, process.execPath),
    stdin: Object.assign(new PassThrough(), { isTTY: false }),
    stdout: stdout.stream,
    stderr: stderr.stream,
    cwd: () => dir,
    out: stdout.text,
    err: stderr.text,
  };
}

function sink(): { readonly stream: Outgoing; readonly text: () => string } {
  const stream = new PassThrough();
  const chunks: string[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString('utf8')));
  return { stream, text: () => chunks.join('') };
}
