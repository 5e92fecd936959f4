import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchFolder } from './bench-folder.ts';
import type { BenchCommand } from './command.ts';
import { spin } from './spin.ts';

/** A tool that brings small servers up and ends them. */
export interface Contender {
  readonly name: string;
  /** Writes what its commands read, before anything is timed. */
  prepare(ports: readonly number[], socket: string): Promise<{ readonly up: BenchCommand; readonly down: BenchCommand }>;
}

/** Those that take part in a round, each first in turn, so that none always finds the machine as another left it. Round -1 is of no account. */
export function inTurn<T>(taking: readonly T[], round: number): readonly T[] {
  const from = Math.max(round, 0) % taking.length;
  return [...taking.slice(from), ...taking.slice(0, from)];
}

/** How often the shell script asks a server that does not answer yet; spin goes at its own pace. */
const POLL_MS = 50;

export function spinContender(folder: BenchFolder): Contender {
  return {
    name: 'spin',
    async prepare(ports, socket) {
      const id = `bench-${ports.length}`;
      const services = ports.map((port) => [
        `s${port}`,
        { run: [process.execPath, folder.server], port, env: { BENCH_SOCKET: socket }, health: { http: '/' } },
      ]);
      const file = join(folder.work, `${id}.yaml`);
      // JSON is YAML.
      await writeFile(file, JSON.stringify({ name: id, ttl: '10m', services: Object.fromEntries(services) }));
      return { up: spin(folder, ['up', '-f', file]), down: spin(folder, ['down', id, '--yes']) };
    },
  };
}

/** The plainest script that does the job: it starts, asks in a loop, and kills; it proves nothing. */
export function shellContender(folder: BenchFolder): Contender {
  const up = `
folder=$1; shift
for port in "$@"; do
  PORT=$port "$NODE" "$SERVER" >"$folder/$port.log" 2>&1 &
  echo $! >>"$folder/pids"
done
for port in "$@"; do
  until curl -sf -o /dev/null "http://127.0.0.1:$port/"; do sleep ${POLL_MS / 1_000}; done
done
`;
  const down = `kill $(cat "$1/pids")\n`;
  let runs = 0;
  return {
    name: 'shell script',
    async prepare(ports, socket) {
      const own = join(folder.root, `shell-${runs++}`);
      await mkdir(own);
      await Promise.all([writeFile(join(own, 'up.sh'), up), writeFile(join(own, 'down.sh'), down)]);
      const env = { ...folder.env, NODE: process.execPath, SERVER: folder.server, BENCH_SOCKET: socket };
      return {
        up: { argv: ['bash', join(own, 'up.sh'), own, ...ports.map(String)], cwd: folder.work, env },
        down: { argv: ['bash', join(own, 'down.sh'), own], cwd: folder.work, env },
      };
    },
  };
}

/** @param modules the node_modules folder where pm2 and wait-on are */
export function pm2Contender(folder: BenchFolder, modules: string): Contender {
  const pm2 = join(modules, 'pm2', 'bin', 'pm2');
  const waitOn = join(modules, 'wait-on', 'bin', 'wait-on');
  return {
    name: 'pm2 + wait-on',
    async prepare(ports, socket) {
      const env = { ...folder.env, PM2_HOME: join(folder.root, 'pm2'), NODE: process.execPath, PM2: pm2, WAIT_ON: waitOn };
      const file = join(folder.work, 'bench.config.json');
      const apps = ports.map((port) => ({
        name: `s${port}`,
        script: folder.server,
        interpreter: process.execPath,
        env: { PORT: String(port), BENCH_SOCKET: socket },
      }));
      await writeFile(file, JSON.stringify({ apps }));
      const urls = ports.map((port) => `http-get://127.0.0.1:${port}/`).join(' ');
      const up = `"$NODE" "$PM2" start ${file} && "$NODE" "$WAIT_ON" -i ${POLL_MS} -w 0 ${urls}`;
      return {
        up: { argv: ['bash', '-c', up], cwd: folder.work, env },
        down: { argv: [process.execPath, pm2, 'kill'], cwd: folder.work, env },
      };
    },
  };
}
