import { adopt } from '../../../src/app/adopt.ts';
import { lsCloud } from '../../../src/app/cloud.ts';
import { down } from '../../../src/app/down.ts';
import { exec } from '../../../src/app/exec.ts';
import { gc } from '../../../src/app/gc.ts';
import { logs } from '../../../src/app/logs.ts';
import { plan } from '../../../src/app/plan.ts';
import { status } from '../../../src/app/status.ts';
import { up } from '../../../src/app/up.ts';
import { viewCloud } from '../../../src/cli/views/cloud.ts';
import { viewDown } from '../../../src/cli/views/down.ts';
import { viewGc } from '../../../src/cli/views/gc.ts';
import { viewLogLine } from '../../../src/cli/views/logs.ts';
import { viewPlan } from '../../../src/cli/views/plan.ts';
import { viewStatus } from '../../../src/cli/views/status.ts';
import { viewUp } from '../../../src/cli/views/up.ts';
import { cleanAll } from '../../../src/cli/text/clean.ts';
import { type Incarnation, makeIncarnation, parseSpinId, type SpinId } from '../../../src/core/ids.ts';
import { OWNED } from '../../../src/core/tags.ts';
import { judge, type Survey } from '../../../src/gc/verdict.ts';
import { Fault, FAULT_KINDS } from '../../../src/providers/fault.ts';
import type { Found, Observation, Provider } from '../../../src/providers/provider.ts';
import { RESOURCE_KINDS } from '../../../src/plan/plan.ts';
import { decodeRecord, encodeRecord } from '../../../src/store/record-file.ts';
import { appFor, Place } from '../../app/world.ts';
import { createFakeProvider } from '../../fakes/provider.ts';
import { HOUR, incarnation, neverReady, record } from '../../cost/records.ts';
import { lease, NOW, POLICY, stored } from '../../gc/survey.ts';
import type { Dice } from '../dice.ts';
import { demand, type Kind } from '../kind.ts';
import { nastyText } from '../nasty.ts';
import { demandTame, PAGE } from '../page.ts';

/** Surveys of what providers list by tags that anyone may have written. */
export const inventories: Kind = {
  name: 'inventory',
  cases: 12_000,
  make(dice) {
    const survey = surveyOf(dice);
    return { show: () => JSON.stringify(survey, undefined, 1), feed: () => checkVerdicts(survey) };
  },
};

const SPEC = `
name: shop
ttl: 4h
secrets: { key: { generate: 32 } }
services:
  db: { run: db, port: auto, secrets: [key] }
  web: { run: 'web \${services.db.address}', replicas: 2, expose: auto, needs: [db], env: { DB: '\${services.db.address}' } }
`;

/** A spin whose provider answers what no provider should. */
export const answers: Kind = {
  name: 'answer',
  cases: 3_000,
  capMs: 20_000,
  make(dice) {
    const then = dice.pick(THEN);
    const text = `${dice.next()}`;
    return { show: () => `answers of ${text} to ${then}`, feed: (folder) => converse(dice, then, folder) };
  },
};

const THEN = ['status', 'gc', 'down', 'up', 'plan', 'cloud', 'adopt', 'exec', 'logs'] as const;

async function converse(dice: Dice, then: (typeof THEN)[number], cwd: string): Promise<void> {
  const place = new Place();
  // Something comes up by honest answers first; a first `up` meets the others too.
  if (then !== 'up' || dice.chance(0.5)) await place.run(up(appFor(place, { spec: SPEC }), { file: '-', onFailure: 'keep' }));
  if (dice.chance(0.3)) await place.clock.advance(5 * HOUR);
  const provider = liar(dice, createFakeProvider(place.world));
  const app = appFor(place, { spec: SPEC, provider, answer: true, cwd });
  switch (then) {
    case 'status':
      return demandTame(viewStatus(cleanAll(await status(app, { id: 'shop' })), PAGE));
    case 'gc':
      return demandTame(viewGc(cleanAll(await place.run(gc(app, { dryRun: false, force: true }))), PAGE));
    case 'down':
      return demandTame(viewDown(cleanAll(await place.run(down(app, { ids: ['shop'] }))), PAGE));
    case 'up':
      return demandTame(
        viewUp(
          cleanAll(await place.run(up(app, { file: '-', onFailure: dice.pick(['keep', 'rollback'] as const), timeout: '10m' }))),
          PAGE,
        ),
      );
    case 'plan':
      return demandTame(viewPlan(cleanAll(await plan(app, { file: '-' })), PAGE));
    case 'cloud':
      return demandTame(viewCloud(cleanAll(await lsCloud(app)), PAGE));
    case 'adopt': {
      const found = await place.store.read(parseSpinId('shop'));
      if (found !== undefined && dice.chance(0.8)) await place.store.remove(found.record.id, found.version);
      await place.run(adopt(app, { id: 'shop', ...(dice.chance(0.5) ? { file: '-' } : {}) }));
      const made = await place.store.read(parseSpinId('shop'));
      if (made !== undefined) decodeRecord(encodeRecord(made, 'stamp'), 'record.json', made.record.id);
      return demandTame(viewStatus(cleanAll(await status(app, { id: 'shop' })), PAGE));
    }
    case 'exec':
      return void (await exec(app, {
        id: 'shop',
        target: dice.pick(['web', 'web/1', nastyText(dice)]),
        command: [nastyText(dice)],
        stdio: 'pipe',
      }));
    case 'logs':
      for await (const line of logs(app, { id: 'shop', follow: false }))
        demandTame(viewLogLine(line, PAGE, true).replaceAll('\u001b[0m', ''));
  }
}

/** A provider whose answers are of the right type and wrong in every other way. */
function liar(dice: Dice, honest: Provider): Provider {
  const lies = () => dice.chance(0.5);
  const fault = () =>
    new Fault(dice.pick(FAULT_KINDS), nastyText(dice), nastyText(dice), {
      lastLines: dice.some([nastyText(dice), nastyText(dice)]),
      exhausted: dice.chance(0.5),
      hint: nastyText(dice),
    });
  const mayFail = async <T>(answer: () => Promise<T>): Promise<T> => {
    if (dice.chance(0.05)) throw fault();
    return answer();
  };
  return {
    ...honest,
    locate: (spec, call) =>
      mayFail(async () => (lies() ? { account: nastyText(dice), region: nastyText(dice) } : honest.locate(spec, call))),
    preflight: async (spin, plan, call) =>
      lies()
        ? [{ name: nastyText(dice), ok: dice.chance(0.7), detail: nastyText(dice), hint: nastyText(dice) }]
        : honest.preflight(spin, plan, call),
    create: (request, call) => mayFail(async () => ({ ...(await honest.create(request, call)), [nastyText(dice)]: nastyText(dice) })),
    observe: async (targets, call) => {
      const seen = new Map(await honest.observe(targets, call));
      for (const [key, observation] of seen) {
        if (dice.chance(0.1)) seen.delete(key);
        else if (lies()) seen.set(key, lieAbout(dice, observation));
      }
      if (dice.chance(0.2)) seen.set(nastyText(dice), lieAbout(dice, UNKNOWN));
      return seen;
    },
    release: (target, fence, call) =>
      mayFail(async () => (dice.chance(0.2) ? dice.pick(['requested', 'absent'] as const) : honest.release(target, fence, call))),
    inventory: (scope, call) =>
      mayFail(async () => {
        const found = await honest.inventory(scope, call);
        return lies()
          ? [
              ...found.map((each) => (dice.chance(0.5) ? { ...each, ...partOf(dice, foundOf(dice)) } : each)),
              ...dice.some([foundOf(dice), foundOf(dice)]),
            ]
          : found;
      }),
    enforcers: async () => dice.some([{ name: nastyText(dice), armed: dice.chance(0.5), detail: nastyText(dice) }]),
    exec: async () => ({ exitCode: dice.pick([0, -1, 3, 255, 2 ** 40]), stdout: nastyText(dice), stderr: nastyText(dice) }),
    async *logs() {
      for (let lines = dice.below(5); lines > 0; lines--)
        yield { service: nastyText(dice), instance: nastyText(dice), time: dice.pick([0, -1, NOW, 8.64e15]), text: nastyText(dice) };
    },
  };
}

const UNKNOWN: Observation = { state: 'unknown', reason: '', instances: [], endpoints: [] };
const STATES = ['absent', 'pending', 'running', 'stopping', 'unknown'] as const;
const INSTANCE_STATES = [
  'pending',
  'bootstrapping',
  'starting',
  'healthy',
  'unhealthy',
  'restarting',
  'draining',
  'stopping',
  'exited',
  'failed',
] as const;

function lieAbout(dice: Dice, honest: Observation): Observation {
  const lie: Observation = {
    state: dice.pick(STATES),
    reason: nastyText(dice),
    instances: dice.some([1, 2, 3]).map(() => ({
      name: nastyText(dice),
      state: dice.pick(INSTANCE_STATES),
      reason: nastyText(dice),
      startedAt: dice.pick([0, -1, NOW, 8.64e15]),
      restarts: dice.pick([0, -1, 1e15]),
      address: nastyText(dice),
      runsAs: nastyText(dice),
    })),
    endpoints: dice.some([1, 2]).map(() => ({
      service: dice.pick(['web', 'db', '__proto__', 'constructor', nastyText(dice)]),
      via: dice.pick(['instance', 'route'] as const),
      host: nastyText(dice),
      port: dice.pick([0, -1, 80, 99_999]),
      url: nastyText(dice),
    })),
    failure: { class: nastyText(dice), message: nastyText(dice), lastLines: [nastyText(dice)] },
    hourly: dice.pick([0, 1_000_000, 'unknown' as const]),
    handle: { [nastyText(dice)]: nastyText(dice) },
    stalled: true,
  };
  return { ...honest, ...partOf(dice, lie) };
}

/** Some of the members. */
function partOf<T extends object>(dice: Dice, whole: T): Partial<T> {
  return Object.fromEntries(Object.entries(whole).filter(() => dice.chance(0.4))) as Partial<T>;
}

const IDS = ['shop', 'a', 'b', '__proto__', 'constructor', '../../etc', 'A B', '', '-', 'a'.repeat(300)];

function foundOf(dice: Dice): Found {
  const text = dice.chance(0.7) ? dice.pick(IDS) : nastyText(dice);
  return {
    provider: dice.chance(0.9) ? 'fake' : nastyText(dice),
    id: text as SpinId,
    incarnation: lifeOf(dice),
    resource: dice.pick([
      'service.web@1',
      'service.__proto__@1',
      'service.web@999999999999999999999',
      'keeper.keeper@1',
      '',
      '@',
      '.@0',
      nastyText(dice),
    ]),
    kind: dice.pick([...RESOURCE_KINDS, 'process', 'folder'] as const),
    what: nastyText(dice),
    ...(dice.chance(0.5) ? { createdAt: dice.pick([0, -1, NOW, NOW - HOUR, NOW + HOUR, 8.64e15]) } : {}),
    ...(dice.chance(0.3) ? { marks: true } : {}),
    ...(dice.chance(0.3) ? { orphanSince: dice.pick([0, NOW - HOUR, NOW, NOW + HOUR, 8.64e15]) } : {}),
    ...(dice.chance(0.5)
      ? {
          tags: Object.fromEntries([
            [OWNED.state, dice.pick(['state', 'other', nastyText(dice)])],
            [
              OWNED.deadline,
              dice.pick(['2026-12-01T00:00:00Z', nastyText(dice), '+275760-09-13T00:00:00.000Z', '-271821-04-20T00:00:00.000Z']),
            ],
            [OWNED.owner, nastyText(dice)],
            [nastyText(dice), nastyText(dice)],
          ]),
        }
      : {}),
    handle: {},
  };
}

function lifeOf(dice: Dice): Incarnation {
  return dice.chance(0.7) ? incarnation(dice.below(3)) : dice.chance(0.5) ? makeIncarnation(NOW) : (nastyText(dice) as Incarnation);
}

function surveyOf(dice: Dice): Survey {
  const records = dice.some(['a', 'b', 'shop']).map((id) => {
    const one = record({
      id,
      incarnation: incarnation(dice.below(3)),
      deadline: NOW + dice.pick([-HOUR, HOUR]),
      desired: dice.pick(['up', 'down'] as const),
      tags: { keep: nastyText(dice) },
      updatedAt: NOW - dice.below(3) * HOUR,
    });
    return stored(dice.chance(0.7) ? one : neverReady(one), dice.chance(0.3) ? lease() : undefined);
  });
  return {
    found: Array.from({ length: dice.below(12) }, () => foundOf(dice)),
    records,
    unreadable: dice.some(IDS, 0.1),
    unlisted: dice.some(['fake', nastyText(dice)], 0.2),
    unseen: dice.some(['fake', nastyText(dice)], 0.2).map((provider) => ({ provider, kind: 'keeper' as const })),
    holderAlive: () => 'unknown',
    now: NOW,
  };
}

function checkVerdicts(survey: Survey): void {
  const verdicts = judge(survey, POLICY);
  demand(new Set(verdicts.map(({ subject }) => subject)).size === verdicts.length, 'two verdicts on one subject');
  demand(
    verdicts.reduce((sum, { found }) => sum + found.length, 0) === survey.found.length,
    'a thing that no verdict, or more than one, is about',
  );
  for (const { id, verdict } of verdicts) {
    if (verdict === 'release' || verdict === 'reclaim')
      demand(!survey.unreadable.includes(id), `the deletion of ${id}, whose record cannot be read`);
  }
}
