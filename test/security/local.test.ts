import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fixture, type Project, project, until } from '../e2e/project.ts';
import { CANARY } from '../hostile/nasty.ts';
import { listenersOf, modesIn } from './life.ts';

const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|0{30}01):\d+$/;

const WEB = (expose: string) => `
name: web
ttl: 1h
tags: { team: blue }
secrets: { key: { generate: 32 } }
volumes: { data: {} }
services:
  web: { run: 'exec node ${fixture('e2e-server.cjs')}', expose: ${expose}, secrets: [key], volumes: [data], health: { http: /healthz, interval: 50ms } }
`;

async function listening(here: Project): Promise<readonly string[]> {
  return until(() => {
    const found = here.processes().flatMap(({ pid }) => listenersOf(pid));
    return found.length >= 2 ? found : undefined;
  }, 'the router and the service listen');
}

describe('on this machine', () => {
  test('everything that spin writes is for its user alone, whatever the umask', async () => {
    const here = project();
    here.spec(WEB('auto'));
    const through = ['sh', '-c', 'umask 0; exec "$@"', 'sh'] as const;
    await here.ok(['up'], { through: [...through] });
    // What services write into their own folders is theirs.
    const theirs = /\/(?:volumes|scratch)\/[^/]+\/./;
    const open = modesIn(here.state)
      .filter(({ path }) => !theirs.test(path))
      .filter(({ type, mode }) => (mode & 0o077) !== 0 || (type === 'folder' && mode !== 0o700));
    expect(open).toEqual([]);
    await here.ok(['down', 'web', '--yes'], { through: [...through] });
    expect(modesIn(here.state).filter(({ mode }) => (mode & 0o077) !== 0)).toEqual([]);
  });

  test('the router, the services and the keeper listen on loopback, and nowhere else', async () => {
    const here = project();
    here.spec(WEB('auto'));
    await here.ok(['up']);
    const addresses = await listening(here);
    expect(addresses.filter((address) => !LOOPBACK.test(address))).toEqual([]);
  });

  test('the router listens for others only where the spec says so, and nothing else does then', async () => {
    const here = project();
    here.spec(WEB('{ port: auto, host: 0.0.0.0 }'));
    await here.ok(['up']);
    const open = (await listening(here)).filter((address) => !LOOPBACK.test(address));
    expect(open).toHaveLength(1);
    expect(open[0]).toMatch(/^0\.0\.0\.0:\d+$/);
  });

  test('the control socket of a keeper refuses every other user, at each of its three doors', async ({ skip }) => {
    skip(process.getuid?.() !== 0, 'to be another user takes root');
    skip(spawnSync('setpriv', ['--version']).status !== 0, 'to be another user takes setpriv');
    const here = project();
    here.spec(WEB('auto'));
    await here.ok(['up']);
    const [folder = ''] = here.folders('web');
    const socket = join(folder, 'keeper.sock');
    const above = [here.dir, dirname(here.dir)];
    const doors = [here.state, join(here.state, 'local'), dirname(folder), folder];
    for (const each of above) chmodSync(each, 0o755);

    expect(knock(socket, undefined)).toMatch(/^open/);
    expect(knock(socket, '65534')).toBe('EACCES');
    // Somebody has opened the folders for all, one after the other: the socket itself still refuses.
    for (const door of doors) {
      chmodSync(door, 0o755);
      expect(knock(socket, '65534'), door).toBe('EACCES');
    }
    for (const door of doors) chmodSync(door, 0o700);
    const { status, stdout } = spawnSync('setpriv', [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      'cat',
      `/proc/${here.keeper('web')?.pid}/environ`,
    ]);
    expect([status, stdout.toString()]).toEqual([1, '']);
  });

  test('names, tags, values and steps that are written to be run are not run', async () => {
    const here = project('a "quoted" $(touch spin-was-here) folder');
    const evil = `x'"; touch ${CANARY}; $(touch ${CANARY}) \`touch ${CANARY}\` #`;
    here.spec(
      JSON.stringify({
        name: 'evil',
        ttl: '1h',
        owner: evil,
        tags: { team: evil, constructor: evil },
        services: {
          web: {
            run: 'printf "%s" ${env.EVIL} > got.txt; exec sleep 1000',
            env: { PLAIN: '${env.EVIL}' },
            bootstrap: [{ name: evil, run: 'printf "%s" "$PLAIN" > plain.txt' }],
            health: { alive: '50ms' },
          },
        },
      }),
    );
    const env = { EVIL: evil };
    await here.ok(['up'], { env });
    for (const args of [
      ['status', 'evil'],
      ['ls', '--wide'],
      ['events', 'evil'],
      ['logs', 'evil'],
      ['cost', '--by', 'tag:constructor'],
      ['gc', '--dry-run'],
    ])
      await here.ok(args, { env });
    const { readFileSync } = await import('node:fs');
    expect(readFileSync(join(here.dir, 'got.txt'), 'utf8')).toBe(evil);
    expect(readFileSync(join(here.dir, 'plain.txt'), 'utf8')).toBe(evil);
    await here.ok(['down', 'evil', '--yes'], { env });
    const everywhere = [here.dir, here.state, here.home, process.cwd()].flatMap((folder) =>
      readdirSync(folder, { recursive: folder !== process.cwd(), encoding: 'utf8' }),
    );
    expect(everywhere.filter((name) => name.endsWith(`/${CANARY}`) || name === CANARY)).toEqual([]);
    expect(existsSync(join('/', CANARY))).toBe(false);
  });
});

/** What comes of connecting to a socket as a user: `open`, or the code of the refusal. */
function knock(socket: string, user: string | undefined): string {
  const program = `const s = require('node:net').connect(process.argv[1]);
    s.on('connect', () => s.write('{"verb":"status"}\\n'));
    s.on('data', () => { console.log('open'); process.exit(); });
    s.on('error', (error) => { console.log(error.code); process.exit(); });`;
  // A path of a socket holds 107 bytes: the folder is entered first, which needs the same rights.
  const command = [
    '-c',
    'cd "$1" 2>/dev/null || { echo EACCES; exit; }; exec "$2" -e "$3" ./keeper.sock',
    'sh',
    dirname(socket),
    process.execPath,
    program,
  ];
  const as = user === undefined ? ['sh'] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', 'sh'];
  const [first = 'sh', ...rest] = as;
  return spawnSync(first, [...rest, ...command], { encoding: 'utf8', cwd: '/', timeout: 10_000 }).stdout.trim();
}
