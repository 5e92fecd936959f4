import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { isAlive, thisHolder, thisMachine } from '../../src/cli/holder.ts';

describe.skipIf(process.platform !== 'linux')('the process of a lease holder', () => {
  const mine = thisHolder('up');

  it('is this one, and lives', () => {
    expect(mine).toMatchObject({ host: hostname(), pid: process.pid, command: 'up' });
    expect(isAlive(mine)).toBe(true);
  });

  it('is gone where its number belongs to a younger process', () => {
    const [ticks = '', place = ''] = mine.startTime.split('@');
    expect(isAlive({ ...mine, startTime: `${Number(ticks) - 1}@${place}` })).toBe(false);
  });

  it('is gone when it ended', async () => {
    const child = spawn('true');
    await once(child, 'exit');
    expect(isAlive({ ...mine, pid: child.pid ?? 0 })).toBe(false);
  });

  it('is gone when only a zombie of it is left', async () => {
    // The parent becomes a sleep, which never asks for the end of its child.
    const parent = spawn('sh', ['-c', '(exit 0) & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const zombie = { ...mine, pid: Number(line.toString()) };
      await expect.poll(() => isAlive(zombie)).toBe(false);
    } finally {
      parent.kill('SIGKILL');
      await once(parent, 'exit');
    }
  });

  it('cannot be told of another machine, another boot or another process namespace', () => {
    expect(isAlive({ ...mine, host: 'elsewhere' })).toBe('unknown');
    const [ticks = ''] = mine.startTime.split('@');
    expect(isAlive({ ...mine, startTime: `${ticks}@00000000/1` })).toBe('unknown');
    expect(isAlive({ ...mine, startTime: '' })).toBe('unknown');
  });
});

it('tells this machine and user from others, by what stays the same from one command to the next', () => {
  expect(thisMachine()).toBe(thisMachine());
  expect(thisMachine()).toContain(hostname());
  expect(thisMachine()).toContain(String(process.getuid?.()));
});
