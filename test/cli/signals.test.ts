import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Runs the command and sends each signal when the line before it was said. */
async function interrupted(mode: string, signals: readonly (readonly [after: string, signal: NodeJS.Signals])[]) {
  const child = spawn(process.execPath, ['--no-warnings', join(import.meta.dirname, 'waiting-command.ts'), mode], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const left = [...signals];
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
    const [next] = left;
    if (next !== undefined && said.includes(next[0])) {
      left.shift();
      child.kill(next[1]);
    }
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said: said.trimEnd().split('\n') };
}

describe('a signal', () => {
  it('asks the command to stop, once, and says so in one line', async () => {
    const { code, said } = await interrupted('polite', [['ready', 'SIGINT']]);
    expect(said).toEqual(['ready', 'stopping; press Ctrl-C again to stop at once', 'aborted: interrupted (spin gc)']);
    expect(code).toBe(0);
  });

  it.each(['SIGTERM', 'SIGHUP'] as const)('of the kind %s asks likewise', async (signal) => {
    expect((await interrupted('polite', [['ready', signal]])).said).toEqual([
      'ready',
      `stopping on ${signal}`,
      'aborted: interrupted (spin gc)',
    ]);
  });

  it('that comes a second time ends the process at once, with the terminal as it was', async () => {
    const { code, said } = await interrupted('stubborn', [
      ['ready', 'SIGINT'],
      ['stopping', 'SIGINT'],
    ]);
    expect(said.slice(1)).toEqual(['stopping; press Ctrl-C again to stop at once', 'last wish']);
    expect(code).toBe(130);
  });
});
