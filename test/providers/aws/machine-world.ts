import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { type ConsoleLine, readConsole } from '../../../src/providers/aws/instances/console.ts';
import { cloudConfig, type BootFacts, readPrograms } from '../../../src/providers/aws/instances/user-data.ts';
import { REPOSITORY } from './world.ts';

export const hasPython = spawnSync('python3', ['--version']).error === undefined;

/** What the metadata service of the machine answers, by path under /latest/; what is not there is a 404. */
export type Metadata = Record<string, string>;

/**
 * A machine as its programs see it: folders, a console, a metadata service, SSM, a journal of what `agent run` printed, and a systemctl
 * that only writes down what it is asked.
 */
export interface MachineWorld {
  readonly root: string;
  readonly metadata: Metadata;
  readonly parameters: Record<string, string>;
  /** Requests that SSM got: headers and body. */
  readonly asked: { readonly headers: IncomingMessage['headers']; readonly body: string }[];
  agent(verb: string, args?: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  deadline(env?: Readonly<Record<string, string>>): Promise<Ended>;
  console(): readonly ConsoleLine[];
  /** What systemctl was asked, one line each. */
  systemctl(): readonly string[];
  file(path: string): string;
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const KEYS = { AccessKeyId: 'ASIATEST', SecretAccessKey: 'secret-of-the-role', Token: 'token-of-the-role' };

/** As much of journalctl as the agent asks for, of a journal that is a file of lines. */
const JOURNALCTL = `#!/usr/bin/env python3
import json, os, sys
given = lambda flag: sys.argv[sys.argv.index(flag) + 1] if flag in sys.argv else None
try:
    lines = list(enumerate(open(os.environ['JOURNAL'], encoding='utf-8').read().splitlines()))
except FileNotFoundError:
    lines = []
lines = lines[int(given('--after-cursor') or -1) + 1:][-int(given('-n') or 0):]
for at, line in lines:
    print(line if given('-o') == 'cat' else json.dumps({'MESSAGE': line, '__CURSOR': str(at), '__REALTIME_TIMESTAMP': str(at * 1000)}))
`;

/** Begins the names of the folders that machines live in. */
export const MACHINES = 'spin-machine-';

/** A machine whose user data is made of `facts`. */
export async function machineWorld(facts: BootFacts, patience = 1): Promise<MachineWorld> {
  return machineOf(cloudConfig(facts, await readPrograms(join(REPOSITORY, 'templates'))), { patience });
}

/**
 * Writes the files of user data into a folder of its own, and answers for everything around them.
 * @param userData not packed
 * @param given for how many seconds the agent is patient; where SSM is, if another one than the machine's own answers
 */
export async function machineOf(
  userData: string,
  { patience = 1, ssm }: { readonly patience?: number; readonly ssm?: string },
): Promise<MachineWorld> {
  const root = mkdtempSync(join(tmpdir(), MACHINES));
  for (const folder of ['etc', 'run', 'lib', 'dev', 'bin']) mkdirSync(join(root, folder));
  const config = parse(userData) as {
    readonly write_files: readonly { readonly path: string; readonly content: string; readonly encoding?: string }[];
  };
  for (const { path, content, encoding } of config.write_files) {
    if (path.startsWith('/etc/spin/'))
      writeFileSync(join(root, 'etc', path.slice('/etc/spin/'.length)), Buffer.from(content, encoding === 'b64' ? 'base64' : 'utf8'));
    if (path.startsWith('/opt/spin/')) writeFileSync(join(root, 'bin', path.slice('/opt/spin/'.length)), content, { mode: 0o755 });
  }
  const spin = JSON.parse(readFileSync(join(root, 'etc/spin.json'), 'utf8')) as Record<string, unknown>;
  writeFileSync(join(root, 'etc/spin.json'), JSON.stringify({ ...spin, patience, dir: join(root, 'work') }));
  const [systemctl, journal] = [join(root, 'bin/systemctl'), join(root, 'journal')];
  writeFileSync(systemctl, `#!/bin/sh\necho "$@" >>'${root}/systemctl'\n`, { mode: 0o755 });
  writeFileSync(join(root, 'bin/journalctl'), JOURNALCTL, { mode: 0o755 });

  const metadata: Metadata = { 'meta-data/ami-launch-index': '0' };
  const parameters: Record<string, string> = {};
  const asked: MachineWorld['asked'] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const answer = (status: number, body: string) => void response.writeHead(status).end(body);
    if (path === '/latest/api/token') return answer(request.method === 'PUT' ? 200 : 405, 'imds-token');
    if (path.startsWith('/latest/')) {
      if (request.headers['x-aws-ec2-metadata-token'] !== 'imds-token') return answer(401, '');
      const found = metadata[path.slice('/latest/'.length)];
      return answer(found === undefined ? 404 : 200, found ?? '');
    }
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      asked.push({ headers: request.headers, body });
      const { Names } = JSON.parse(body) as { readonly Names: readonly string[] };
      const Parameters = Names.flatMap((Name) => (parameters[Name] === undefined ? [] : [{ Name, Value: parameters[Name] }]));
      answer(200, JSON.stringify({ Parameters, InvalidParameters: Names.filter((name) => parameters[name] === undefined) }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  onTestFinished(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close').catch(() => undefined);
    rmSync(root, { recursive: true, force: true });
  });

  const env = {
    PATH: `${join(root, 'bin')}:${process.env['PATH'] ?? ''}`,
    JOURNAL: journal,
    SPIN_ETC: join(root, 'etc'),
    SPIN_RUN: join(root, 'run'),
    SPIN_LIB: join(root, 'lib'),
    SPIN_DEV: join(root, 'dev'),
    SPIN_CONSOLE: join(root, 'console'),
    SPIN_IMDS: url,
    SPIN_SSM: `${ssm ?? url}/`,
    SPIN_SYSTEMCTL: systemctl,
  };
  const run = (command: string, args: readonly string[], more: Readonly<Record<string, string>>): Promise<Ended> =>
    new Promise((resolve) => {
      execFile(command, args, { env: { ...env, ...more }, encoding: 'utf8' }, (failure, stdout, stderr) => {
        resolve({ code: failure === null ? 0 : Number(failure.code ?? 1), stdout, stderr });
      });
    });
  const text = (path: string): string => (existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '');
  return {
    root,
    metadata,
    parameters,
    asked,
    agent: async (verb, args = [], more = {}) => {
      const ended = await run('python3', [join(root, 'bin/agent'), verb, ...args], more);
      if (verb === 'run') appendFileSync(journal, ended.stdout + ended.stderr);
      return ended;
    },
    deadline: (more = {}) => run('bash', [join(root, 'bin/deadline')], more),
    console: () => readConsole(text('console')),
    systemctl: () =>
      text('systemctl')
        .split('\n')
        .filter((line) => line !== ''),
    file: text,
  };
}
