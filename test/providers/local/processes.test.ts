import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { ManualClock } from '../../fakes/clock.ts';
import { endGroup } from '../../../src/providers/local/end-group.ts';
import { MARK_VARIABLE, parseMark, RUN_VARIABLE, writeMark } from '../../../src/providers/local/layout.ts';
import { readListeners } from '../../../src/providers/local/listeners.ts';
import { holdsSocket, identify, isAlive, ProcessTable, readMark, readProcess } from '../../../src/providers/local/processes.ts';

const MARK = { state: 'test-state', id: 'web', incarnation: 'i', resource: 'service.web@1', instance: 'web@1.1' };

test('a process is the same one only with its start time and on the same boot', () => {
  const own = identify(process.pid);
  if (own === undefined) throw new Error('this process is not in /proc');
  expect(isAlive(own)).toBe(true);
  expect(isAlive({ ...own, startTime: '1' })).toBe(false);
  expect(isAlive({ ...own, boot: 'another' })).toBe(false);
});

test('a zombie answers kill(pid, 0) and is not alive', async () => {
  // The parent becomes a program that never asks how its child ended.
  const parent = start('/bin/sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 1000'], {});
  const pid = Number(await new Promise<string>((resolve) => parent.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString()))));
  const identity = identify(pid);
  await expect.poll(() => readProcess(pid)?.state).toBe('Z');
  expect(process.kill(pid, 0)).toBe(true);
  expect(identity !== undefined && isAlive(identity)).toBe(false);
  expect(new ProcessTable().find(pid)).toBeUndefined();
});

test('a name with spaces and parentheses does not shift the fields', async () => {
  const child = start(process.execPath, ['-e', "process.title='a) S 1 (b';setInterval(()=>{},1000)"], {});
  await expect.poll(() => readProcess(child.pid ?? 0)?.name).toBe('a) S 1 (b');
  expect(readProcess(child.pid ?? 0)).toMatchObject({ parent: process.pid, state: expect.stringMatching(/^[RS]$/) });
});

test('a mark is read from the environment that a process was started with', () => {
  const child = start('sleep', ['1000'], { [MARK_VARIABLE]: writeMark(MARK), [RUN_VARIABLE]: '3' });
  expect(readMark(child.pid ?? 0)).toEqual({ mark: MARK, run: 3 });
  expect(readMark(process.pid)).toBeUndefined();
  expect(parseMark('not/ours')).toBeUndefined();
});

test('ending a group ends what left it, by its mark, and nothing else', async () => {
  const marked = { ...MARK, state: `test-${process.pid}` };
  const env = { [MARK_VARIABLE]: writeMark(marked), PATH: process.env['PATH'] };
  const leader = start('/bin/sh', ['-c', 'setsid setsid sleep 1000 & sleep 1000 & wait'], env);
  const other = start('sleep', ['1000'], {});
  const owns = ({ mark }: { mark: typeof MARK }): boolean => mark.state === marked.state;
  await expect.poll(() => new ProcessTable().marked(owns).length).toBe(3);
  const identity = identify(leader.pid ?? 0);
  const { killed } = await endGroup(
    { ...(identity === undefined ? {} : { leader: identity }), owns, signal: 'SIGTERM', timeoutMs: 5_000 },
    systemClock,
  );
  expect(killed).toBe(0);
  expect(new ProcessTable().marked(owns)).toEqual([]);
  expect(new ProcessTable().find(other.pid ?? 0)).toBeDefined();
});

test('what cleans up spares itself and its ancestors, but not a keeper that started it', async () => {
  const keeper = start('/bin/sh', ['-c', 'env -u SPIN_MARK sleep 1000; true'], {
    [MARK_VARIABLE]: writeMark({ ...MARK, instance: 'keeper' }),
  });
  await expect.poll(() => new ProcessTable().running.some(({ parent }) => parent === keeper.pid)).toBe(true);
  const table = new ProcessTable();
  const child = table.running.find(({ parent }) => parent === keeper.pid)?.pid ?? 0;
  expect([...table.lineage(child)]).toEqual([child]);
  expect(table.lineage(keeper.pid ?? 0)).toContain(process.pid);
  process.kill(child);
});

test('a stopped process is ended too', async () => {
  const marked = { ...MARK, state: `stopped-${process.pid}` };
  const child = start('sleep', ['1000'], { [MARK_VARIABLE]: writeMark(marked) });
  child.kill('SIGSTOP');
  await endGroup({ owns: ({ mark }) => mark.state === marked.state, signal: 'SIGTERM', timeoutMs: 5_000 }, systemClock);
  expect(new ProcessTable().find(child.pid ?? 0)).toBeUndefined();
});

test('who was signalled at the same moment is let end before anybody is looked at, but not for long', async () => {
  const clock = new ManualClock();
  const [quick, slow] = await Promise.all([
    led("process.on('SIGTERM', () => process.exit())"),
    led("process.on('SIGTERM', () => console.log('asked')); process.on('SIGUSR2', () => process.exit())"),
  ]);
  const order: string[] = [];
  const end = async ({ leader, ended }: typeof quick, name: string): Promise<void> => {
    await endGroup({ leader, ended, atOnce: true, owns: () => false, signal: 'SIGTERM', timeoutMs: 10_000 }, clock);
    order.push(name);
  };
  const asked = new Promise((resolve) => slow.child.stdout?.once('data', resolve));
  const ends = [end(quick, 'quick'), end(slow, 'slow')];
  await Promise.all([asked, quick.ended]);
  await systemClock.sleep(50);
  expect(order).toEqual([]);
  await clock.advance(60);
  await expect.poll(() => order).toEqual(['quick']);
  slow.child.kill('SIGUSR2');
  await slow.ended;
  await clock.advance(100);
  await Promise.all(ends);
});

/** A process that leads its own group and does something once it runs. */
async function led(script: string) {
  const child = start(process.execPath, ['-e', `${script}; setInterval(() => undefined, 1_000); console.log('runs')`], {});
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  const leader = identify(child.pid ?? 0);
  if (leader === undefined) throw new Error('it does not run');
  return { child, ended, leader };
}

test.for([
  ['127.0.0.1', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['::', '127.0.0.1'],
  ['::1', '::1'],
])('who listens on %s is found, and reached at %s', async ([host, dial]) => {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, host, resolve);
  });
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const found = readListeners(new Set([port])).get(port) ?? [];
  expect(found.map((listener) => listener.dial)).toEqual([dial]);
  const inodes = new Set(found.map(({ inode }) => inode));
  expect(holdsSocket([process.pid], inodes)).toBe(true);
  expect(holdsSocket([1], inodes)).toBe(false);
});

function start(program: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'ignore'], env: { PATH: process.env['PATH'], ...env } });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    while (child.exitCode === null && child.signalCode === null) await systemClock.sleep(5);
  });
  return child;
}
