import { get } from 'node:http';
import { expect, test } from 'vitest';
import type { PlanOutcome, StatusOutcome, UpOutcome } from '../../src/app/outcomes.ts';
import { fixture, project, type Project } from './project.ts';

const spec = (more: { readonly level?: string; readonly replicas?: number } = {}) => `
name: shop
ttl: 1h
services:
  db:
    run: [node, ${JSON.stringify(fixture('e2e-server.cjs'))}]
    health: { http: /healthz, interval: 100ms }
  web:
    run: [node, ${JSON.stringify(fixture('e2e-server.cjs'))}]
    replicas: ${more.replicas ?? 2}
    expose: auto
    env: { LEVEL: ${more.level ?? 'one'}, UPSTREAM: '\${services.db.address}' }
    health: { http: /healthz, interval: 100ms }
`;

test('up, up again, change, scale, down: each touches what it must and nothing else', async () => {
  const here = project('a project with späces & ünïcode ☂');
  here.spec(spec());

  const planned = await here.json<PlanOutcome>(['plan']);
  expect(planned.result).toMatchObject({ id: 'shop', exists: false, ttlMs: 3_600_000, hourly: 0 });
  expect(here.leftovers()).toEqual([]);

  const first = await here.json<UpOutcome>(['up']);
  expect(first.result).toMatchObject({ id: 'shop', result: 'created', state: 'up', enforcers: [{ name: 'keeper', armed: true }] });
  expect(first.result.timings.phases.map(({ phase }) => phase)).toEqual(['plan', 'provision', 'bootstrap', 'register', 'serve']);
  const url = urlOf(first.result);
  const answer = await ask(url);
  const db = await addressOf(here, 'db@1.1');
  expect(answer).toMatchObject({ level: 'one', upstream: db });

  const before = pidsOf(here);
  expect((await here.json<UpOutcome>(['up'])).result).toMatchObject({ result: 'unchanged' });
  expect(pidsOf(here)).toEqual(before);
  expect((await here.json<PlanOutcome>(['plan'])).result.changes.map(({ action }) => action)).toEqual(Array(5).fill('keep'));

  here.spec(spec({ level: 'two' }));
  expect((await here.json<PlanOutcome>(['plan'])).result.changes).toContainEqual(
    expect.objectContaining({ address: 'service.web', action: 'replace' }),
  );
  const load = askForEver(url);
  const changed = await here.json<UpOutcome>(['up']);
  const { levels, failures } = await load.stop();
  expect(failures).toEqual([]);
  expect(changed.result.result).toBe('changed');
  expect(urlOf(changed.result)).toBe(url);
  expect([...levels]).toEqual(['one', 'two']);
  const after = pidsOf(here);
  expect(after['db@1.1']).toBe(before['db@1.1']);
  expect(after['keeper']).toBe(before['keeper']);
  expect(Object.keys(after).toSorted()).toEqual(['db@1.1', 'keeper', 'web@2.1', 'web@2.2']);

  here.spec(spec({ level: 'two', replicas: 4 }));
  expect((await here.json<UpOutcome>(['up'])).result.result).toBe('changed');
  const four = pidsOf(here);
  expect(four).toMatchObject(after);
  expect(Object.keys(four)).toHaveLength(6);

  here.spec(spec({ level: 'two', replicas: 1 }));
  const shrinking = askForEver(url);
  await here.json<UpOutcome>(['up']);
  expect((await shrinking.stop()).failures).toEqual([]);
  const one = pidsOf(here);
  expect(four).toMatchObject(one);
  expect(Object.keys(one)).toHaveLength(3);

  const down = await here.json(['down', '--yes']);
  expect(down.result).toMatchObject({ spins: [{ id: 'shop', result: 'released', left: [] }] });
  expect(here.leftovers()).toEqual([]);
  expect(await answers(url)).toBe(false);
  expect((await here.json(['down', 'shop', '--yes'])).result).toMatchObject({ spins: [{ result: 'absent' }] });
});

test('the text of up says where, how long, what it costs, until when, and how to end it', async () => {
  const here = project();
  here.spec(spec({ replicas: 1 }));
  const up = await here.run(['up']);
  expect(up.code).toBe(0);
  expect(up.stdout).toMatch(/^shop is up, created in [\d.]+m?s$/m);
  expect(up.stdout).toMatch(/^ +web +http:\/\/127\.0\.0\.1:\d+$/m);
  for (const phase of ['plan', 'provision', 'bootstrap', 'register', 'serve'])
    expect(up.stdout).toMatch(new RegExp(`^ +${phase} .*m?s$`, 'm'));
  expect(up.stdout).toMatch(/^ +price +\$0\.00 per hour, \$0\.00 until the deadline$/m);
  expect(up.stdout).toMatch(/^ +deadline +in 59m .*enforced by keeper$/m);
  expect(up.stdout).toContain('End it with: spin down shop');
  expect(up.stderr).toMatch(/^ +[\d.]+s {2}shop {2}service\.web@1: ready after /m);
  // Neither a terminal nor colours: nothing that moves or paints.
  expect(up.stdout + up.stderr).not.toContain('\u001b');
  expect(await here.run(['status', 'shop', '--quiet'])).toMatchObject({ code: 0, stdout: 'up\n' });
  expect((await here.run(['up'])).stdout).toContain('nothing had to change');
});

test('a spec from standard input, and again under another ID, are two spins that share no port', async () => {
  const here = project();
  const one = await here.json<UpOutcome>(['up', '-f', '-'], { input: spec({ replicas: 1 }) });
  const two = await here.json<UpOutcome>(['up', '-f', '-', '--id', 'other', '--tag', 'team=blue', '--owner', 'bob'], {
    input: spec({ replicas: 1 }),
  });
  expect(urlOf(one.result)).not.toBe(urlOf(two.result));
  expect(here.record('other')).toMatchObject({ owner: 'bob', tags: { team: 'blue' } });
  const ls = async (...flags: string[]) => (await here.run(['ls', '-q', ...flags])).stdout.trim().split('\n').filter(Boolean);
  expect(await ls()).toEqual(['other', 'shop']);
  expect(await ls('--tag', 'team=blue')).toEqual(['other']);
  expect(await ls('--owner', 'ada')).toEqual(['shop']);
  expect(await ls('--only', 'failed')).toEqual([]);
  await here.ok(['down', '--tag', 'team=blue', '--yes']);
  expect(await ls()).toEqual(['shop']);
  await here.ok(['down', '--all', '--yes']);
  expect(here.leftovers()).toEqual([]);
});

test('up --detach returns at once, and up --wait waits for what goes on in the background', async () => {
  const here = project();
  here.spec(spec({ replicas: 1 }).replaceAll('health:', 'bootstrap: [sleep 0.4]\n    health:'));
  const detached = await here.json<UpOutcome>(['up', '--detach']);
  expect(detached.result).toMatchObject({ result: 'detached', state: 'starting' });
  expect((await here.json<StatusOutcome>(['status'])).result.state).toBe('starting');
  const waited = await here.json<UpOutcome>(['up', '--wait']);
  expect(waited.result).toMatchObject({ state: 'up', incarnation: detached.result.incarnation });
  expect(here.services()).toHaveLength(2);
});

test('down evacuates, drains, and lets a request under way finish', async () => {
  const here = project();
  here.spec(`evacuate: 'echo evacuated > evacuated.txt'\n${spec({ replicas: 1 })}`);
  const url = urlOf((await here.json<UpOutcome>(['up'])).result);
  const slow = fetch(new URL('/slow?ms=700', url)).then((response) => response.text());
  // It has reached the service.
  await expect.poll(async () => (await here.run(['logs', 'shop', 'web'])).stdout, { timeout: 5_000 }).toContain('/slow');
  const [text, down] = await Promise.all([slow, here.run(['down', '--yes'])]);
  expect(text).toBe('slow');
  expect(down.code).toBe(0);
  expect((await here.run(['logs', 'shop'])).code).toBe(1);
  const events = here.journal('shop').map(({ type }) => type);
  expect(events).toContain('hook.finished');
  expect(events.indexOf('hook.finished')).toBeLessThan(events.indexOf('drain.started'));
  expect(here.leftovers()).toEqual([]);
});

interface Answer {
  readonly pid: number;
  readonly level: string;
}

async function ask(url: string): Promise<Answer> {
  return (await (await fetch(url)).json()) as Answer;
}

async function answers(url: string): Promise<boolean> {
  return ask(url).then(
    () => true,
    () => false,
  );
}

/** Requests one after the other, each on a connection of its own; which levels answered, and what failed. */
function askForEver(url: string) {
  const levels = new Set<string>();
  const failures: string[] = [];
  let over = false;
  const going = (async () => {
    while (!over)
      await request(url).then(
        ({ level }) => levels.add(level),
        (thrown: unknown) => failures.push(String(thrown)),
      );
  })();
  return {
    stop: async () => {
      over = true;
      await going;
      return { levels, failures };
    },
  };
}

function request(url: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        response.statusCode === 200 ? resolve(JSON.parse(text) as Answer) : reject(new Error(`${response.statusCode}: ${text}`)),
      );
      response.on('error', reject);
    }).on('error', reject);
  });
}

function urlOf({ endpoints }: UpOutcome): string {
  const url = endpoints.find((endpoint) => endpoint.via === 'route')?.url;
  expect(url).toBeDefined();
  return url ?? '';
}

/** Process IDs by instance name. */
function pidsOf(here: Project): Readonly<Record<string, number>> {
  return Object.fromEntries(here.processes().flatMap(({ instance, pid }) => (instance === undefined ? [] : [[instance, pid]])));
}

async function addressOf(here: Project, instance: string): Promise<string | undefined> {
  const { result } = await here.json<StatusOutcome>(['status']);
  return result.resources.flatMap(({ instances }) => instances).find(({ name }) => name === instance)?.address;
}
