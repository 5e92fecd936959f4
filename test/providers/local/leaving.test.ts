import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { askToLeave } from '../../../src/providers/local/leaving.ts';
import { type Identity, identify, isAlive } from '../../../src/providers/local/processes.ts';

const soon = () => systemClock.now() + 5_000;

async function started(script: string): Promise<{ readonly child: ChildProcess; readonly identity: Identity }> {
  const child = spawn('sh', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  if (child.stdout === null) throw new Error('it has no output');
  await once(child.stdout, 'data');
  const identity = identify(child.pid ?? 0);
  if (identity === undefined) throw new Error('it has ended');
  return { child, identity };
}

test('a group whose number has come round to somebody else gets no signal', async () => {
  const { identity } = await started('echo up; exec sleep 30');
  const before = { ...identity, startTime: String(Number(identity.startTime) - 1) };
  const { child: marked, identity: mark } = await started('echo up; exec sleep 30');
  // The one that is signalled with it has ended by its signal, so that the other would have had its own.
  const [gone, asked] = await Promise.all([
    askToLeave({ leader: before, signal: 'SIGTERM', ended: undefined }, soon(), systemClock),
    askToLeave({ leader: mark, signal: 'SIGTERM', ended: once(marked, 'exit') }, soon(), systemClock),
  ]);
  expect([gone, asked, isAlive(mark), isAlive(identity)]).toEqual([false, true, false, true]);
});

test('who is stopped is told to go on, so that it can end', async () => {
  const { child, identity } = await started('trap "exit 0" TERM; echo up; while :; do sleep 0.02; done');
  const ended = once(child, 'exit');
  process.kill(identity.pid, 'SIGSTOP');
  expect(await askToLeave({ leader: identity, signal: 'SIGTERM', ended }, soon(), systemClock)).toBe(true);
  await vi.waitFor(() => expect(isAlive(identity)).toBe(false), { timeout: 5_000 });
});
