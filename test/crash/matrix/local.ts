import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { StatusOutcome } from '../../../src/app/outcomes.ts';
import type { Build } from './build.ts';
import { Folder } from './folder.ts';
import { good, type Ground, ID, type Scenario, TrialFailure, type World } from './ground.ts';

const SERVER = join(import.meta.dirname, '../../fixtures/e2e-server.cjs');

const OLD = 'old: { run: "exec sleep 1000", health: { alive: 20ms } }';

/** Everything that the local provider makes, with what stands on something else. */
export const SPEC = `
name: ${ID}
ttl: 1h
secrets: { token: { generate: 24 } }
volumes: { data: { folder: . } }
services:
  db: { run: "exec sleep 1000", volumes: [data], secrets: [token], env: { LEVEL: one }, health: { alive: 20ms } }
  ${OLD}
  web:
    run: [node, ${JSON.stringify(SERVER)}]
    replicas: 3
    needs: [db]
    expose: auto
    env: { LEVEL: one }
    health: { http: /healthz, interval: 50ms }
`;

/** db is made anew in place, web beside the old one; old goes, worker comes. */
const CHANGED = SPEC.replaceAll('LEVEL: one', 'LEVEL: two').replace(OLD, OLD.replace('old:', 'worker:'));

/** web never comes up, while slow is still on its way. */
const BROKEN = SPEC.replace(`run: [node, ${JSON.stringify(SERVER)}]`, 'run: "exit 7"\n    restart: { max: 1 }').replace(
  OLD,
  `${OLD}\n  slow: { run: "exec sleep 1000", health: { alive: 1m } }`,
);

/** web comes up once there is a file. */
const MENDABLE = SPEC.replace(
  `run: [node, ${JSON.stringify(SERVER)}]`,
  `run: ${JSON.stringify(`test -e mended || exit 7; exec node ${SERVER}`)}\n    restart: { max: 1 }`,
);

/** The secret is to be had once there is a file. */
const SUPPLIED = SPEC.replace('{ generate: 24 }', '{ command: "cat supply" }');

/** web ends as long as there is a file. */
const RELAPSING = SPEC.replace(
  `run: [node, ${JSON.stringify(SERVER)}]`,
  `run: ${JSON.stringify(`test ! -e broken || exit 7; exec node ${SERVER}`)}\n    restart: { max: 1 }`,
);

/** For the keeper to give an instance up and have that noted. */
const NOTICED_MS = 20_000;

const up = async ({ folder }: World, at?: Parameters<Scenario['prepare']>[1]): Promise<void> => {
  folder.spec(SPEC);
  good(await folder.run(['up'], at));
};

const SCENARIOS: readonly Scenario[] = [
  { name: 'up', prepare: async () => undefined, command: ['up'], spec: SPEC, upSpec: SPEC, others: ['keeper'] },
  { name: 'change', prepare: up, command: ['up'], spec: CHANGED, upSpec: CHANGED, others: ['keeper'] },
  {
    name: 'rollback',
    prepare: async () => undefined,
    command: ['up', '--on-failure', 'rollback'],
    spec: BROKEN,
    upSpec: SPEC,
    others: ['keeper'],
  },
  { name: 'extend', prepare: up, command: ['extend', ID, '--by', '1h'], spec: SPEC, upSpec: SPEC, others: ['keeper'] },
  { name: 'down', prepare: up, command: ['down', ID, '--yes'], spec: SPEC, upSpec: SPEC, others: ['keeper'] },
  {
    // Of a spin of which something failed and was kept for a look; the reason is gone.
    name: 'mend',
    prepare: async ({ folder }) => {
      folder.spec(MENDABLE);
      await folder.run(['up', '--on-failure', 'keep']);
      writeFileSync(join(folder.work, 'mended'), '');
    },
    command: ['up'],
    spec: MENDABLE,
    upSpec: MENDABLE,
    others: ['keeper'],
  },
  {
    // Of a spin of which something could not be made; now it can.
    name: 'supply',
    prepare: async ({ folder }) => {
      folder.spec(SUPPLIED);
      await folder.run(['up', '--on-failure', 'keep']);
      writeFileSync(join(folder.work, 'supply'), 'secret');
    },
    command: ['up'],
    spec: SUPPLIED,
    upSpec: SUPPLIED,
    others: ['keeper'],
  },
  {
    // Of a spin that was healthy, until its keeper gave an instance up; the reason is gone.
    name: 'relapse',
    prepare: async ({ folder }) => {
      folder.spec(RELAPSING);
      good(await folder.run(['up']));
      const cause = join(folder.work, 'broken');
      writeFileSync(cause, '');
      for (const { pid } of folder.processes().filter(({ instance }) => instance === 'web@1.1')) process.kill(pid, 'SIGKILL');
      const giveUp = performance.now() + NOTICED_MS;
      while (folder.record(ID)?.resources['service.web@1']?.status !== 'failed') {
        if (performance.now() > giveUp) throw new TrialFailure('nobody noted that an instance was given up');
        await pause(20);
      }
      rmSync(cause);
    },
    command: ['up'],
    spec: RELAPSING,
    upSpec: RELAPSING,
    others: ['keeper'],
  },
  {
    // Of a spin whose keeper was killed, and an instance under it.
    name: 'heal',
    prepare: async (world) => {
      await up(world);
      const victims = world.folder.processes().filter(({ instance }) => instance === 'keeper' || instance === 'db@1.1');
      for (const { pid } of victims) process.kill(pid, 'SIGKILL');
    },
    command: ['up'],
    spec: SPEC,
    upSpec: SPEC,
    others: ['keeper'],
  },
  {
    // Of a spin whose first up was killed.
    name: 'gc',
    prepare: async ({ folder }, at) => {
      folder.spec(SPEC);
      // The keeper that comes of it gets the orders of the trial, as it inherits them; its own command must end here.
      await folder.run(['up'], at ?? { who: 'up', what: 'ask:apply:registration.web@1', nth: 1, how: 'kill-before' });
    },
    command: ['gc', '--yes', '--grace', '0s'],
    spec: SPEC,
    upSpec: SPEC,
    others: [],
  },
  {
    // The keeper ends the spin.
    name: 'deadline',
    prepare: up,
    command: ['extend', ID, '--ttl', '1s'],
    spec: SPEC,
    upSpec: SPEC,
    others: ['keeper', 'down'],
    lingerMs: 6_000,
  },
];

/** Real processes of this machine. */
export function localGround(build: Build): Ground {
  return {
    name: 'local',
    scenarios: SCENARIOS,
    open: () => Promise.resolve(openWorld(build)),
    close: () => Promise.resolve(),
  };
}

function openWorld(build: Build): World {
  const folder = new Folder(build);
  return {
    folder,
    // The keeper is asked over a socket, and the tap is at both of its ends.
    breakCall: () => undefined,
    calls: () => [],
    broke: () => false,
    picture: () => pictureOf(folder),
    left: () => leftIn(folder),
    becomeVisible: () => Promise.resolve(),
    close: () => folder.remove(),
  };
}

export async function pictureOf(folder: Folder): Promise<unknown> {
  const { result } = JSON.parse(good(await folder.run(['status', ID, '--output', 'json'])).stdout) as { readonly result: StatusOutcome };
  const processes = folder.processes().filter(({ spin }) => spin !== undefined);
  const incarnations = folder.namesIn('local', ID);
  const home = (name: string): readonly string[] => incarnations.flatMap((incarnation) => folder.namesIn('local', ID, incarnation, name));
  const [incarnation = ''] = incarnations;
  const kept = JSON.parse(readFileSync(join(folder.state, 'local', ID, incarnation, 'desired.json'), 'utf8')) as {
    readonly deadline: number;
  };
  return {
    state: result.state,
    resources: result.resources.map(({ address, status, observed }) => `${address} ${status} ${observed}`).toSorted(),
    armed: result.enforcers.map(({ name, armed }) => `${name} ${armed}`),
    // A shell and what it became, or a service's own children, would be counted twice.
    instances: processes.map(({ instance = '' }) => nameOf(instance)).toSorted(),
    lives: incarnations.length,
    secrets: home('secrets').filter((name) => !name.startsWith('.')),
    volumes: home('volumes'),
    answers: await answersOf(result),
    keeperKnowsDeadline: kept.deadline === folder.record(ID)?.deadline,
  };
}

/** `web.2`: what was begun and not ended may have used up a generation. */
function nameOf(instance: string): string {
  return instance.replace(/@\d+/, '');
}

/** Which instances answer at the route, and what they were told. */
async function answersOf({ endpoints }: StatusOutcome): Promise<readonly string[]> {
  const url = endpoints.find(({ via }) => via === 'route')?.url ?? '';
  const answers = new Set<string>();
  for (let asked = 0; asked < 9; asked++) {
    const { instance, level } = (await (await fetch(url)).json()) as { readonly instance: string; readonly level: string };
    answers.add(`${nameOf(instance)} ${level}`);
  }
  return [...answers].toSorted();
}

/** A `down` that a keeper began before it ended waits for no longer than the keeper may take to answer it. */
const MOST_LOOKS = 300;

/** What a keeper began to run before it ended may end a moment later. */
export async function leftIn(folder: Folder): Promise<readonly string[]> {
  for (let tries = 0; ; tries++) {
    const left = [
      ...folder.processes().map(({ pid, command, instance }) => `process ${pid} ${instance ?? ''}: ${command}`),
      ...['spins', 'local'].flatMap((area) => folder.namesIn(area).map((name) => `${area}/${name}`)),
    ];
    if (left.length === 0 || tries === MOST_LOOKS) return left;
    await pause(50);
  }
}
