import { describe, expect, it } from 'vitest';
import type { App } from '../../src/app/context.ts';
import { down } from '../../src/app/down.ts';
import { gc } from '../../src/app/gc.ts';
import { up } from '../../src/app/up.ts';
import { stateOf } from '../../src/lifecycle/state.ts';
import { type Kill, runKilled } from './crash.ts';
import { appFor, Place } from './world.ts';

const SPEC = `
name: shop
ttl: 4h
secrets: { password: { generate: 32 } }
volumes: { data: {} }
services:
  db: { run: db, port: auto, volumes: [data], secrets: [password], env: { LEVEL: info } }
  old: { run: old, needs: [db] }
  web: { run: web, replicas: 3, expose: auto, needs: [db], env: { DB: '\${services.db.address}' } }
`;

/** db is recreated, so its address is another; web is replaced beside the old one; old goes, worker comes. */
const CHANGED = SPEC.replace('LEVEL: info', 'LEVEL: debug').replace(
  'old: { run: old, needs: [db] }',
  "worker: { run: work, env: { WEB: '${services.web.url}' } }",
);

const upWith = (app: App) => up(app, { file: '-', onFailure: 'keep' });
const downAll = (app: App) => down(app, { ids: ['shop'] });

interface Scenario {
  readonly name: string;
  /** What ran undisturbed before. */
  readonly before?: string;
  readonly command: (app: App) => Promise<unknown>;
  /** The spec of the command, and of the `up` that follows the kill. */
  readonly spec: string;
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'the first up', command: upWith, spec: SPEC },
  { name: 'an up that changes a spin', before: SPEC, command: upWith, spec: CHANGED },
  { name: 'a down', before: SPEC, command: downAll, spec: SPEC },
];

async function prepared({ before }: Scenario): Promise<Place> {
  const place = new Place();
  if (before !== undefined) await place.run(upWith(appFor(place, { spec: before })));
  return place;
}

/** What a user can tell of a world: everything but incarnations and the serial numbers of instances. */
function pictureOf({ world }: Place): unknown {
  return world
    .at()
    .map(({ key, kind, token: _token, needs, env, instances, leavesIn, desire, tags }) => ({
      key,
      kind,
      needs,
      env,
      instances: instances.length,
      leavesIn,
      desire,
      tags: Object.keys(tags),
    }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

async function recordOf(place: Place) {
  const { records } = await place.store.list();
  return records.map(({ record }) => ({ state: stateOf(record, place.clock.now()), keys: Object.keys(record.resources).toSorted() }));
}

for (const scenario of SCENARIOS) {
  describe(`${scenario.name}, killed at every boundary`, async () => {
    const recorded = await prepared(scenario);
    const { names } = await runKilled(recorded, { spec: scenario.spec, answer: true }, scenario.command);
    // A down is followed by a new spin: what that is, a first up tells.
    const undisturbed = scenario.command === downAll ? await prepared(scenario) : recorded;
    const picture = pictureOf(undisturbed);
    const records = await recordOf(undisturbed);
    const once = undisturbed.world.made.toSorted();

    const kills = names.flatMap((name, at): (Kill & { name: string })[] => [
      { name, at, when: 'before' },
      { name, at, when: 'after' },
    ]);

    it('has boundaries of every sort', () => {
      expect(kills.length).toBeGreaterThan(40);
    });

    it.each(kills)('goes on to the same world with up: $name $at $when', async (kill) => {
      const place = await prepared(scenario);
      const { killed } = await runKilled(place, { spec: scenario.spec, answer: true }, scenario.command, kill);
      expect(killed).toBe(true);
      place.world.calls.length = 0;
      const { result } = await place.run(upWith(appFor(place, { spec: scenario.spec })));
      // It says so whenever something was left to be done.
      expect(result === 'unchanged').toBe(!place.world.calls.some((call) => /^(?:create|release) /.test(call)));

      expect(pictureOf(place)).toEqual(picture);
      expect(await recordOf(place)).toEqual(records);
      if (scenario.command === downAll) {
        const lives = new Set(place.world.at().map((thing) => thing.spin.incarnation));
        expect(lives.size).toBe(1);
        expect([once.length, once.length * 2]).toContain(place.world.made.length);
      } else expect(place.world.made.toSorted()).toEqual(once);
      expect(await place.run(upWith(appFor(place, { spec: scenario.spec })))).toMatchObject({ result: 'unchanged' });
    });

    it.each(kills)('is swept once its deadline has passed: $name $at $when', async (kill) => {
      const place = await prepared(scenario);
      await runKilled(place, { spec: scenario.spec, answer: true }, scenario.command, kill);
      await place.clock.advance(5 * 3_600_000);
      const { swept } = await place.run(gc(appFor(place, { answer: true }), { dryRun: false }));

      expect(swept.filter(({ result }) => result === 'failed' || result === 'skipped')).toEqual([]);
      expect(place.world.at()).toEqual([]);
      const { records: kept } = await place.store.list();
      expect(kept.filter(({ record }) => record.releasedAt === undefined)).toEqual([]);
    });

    it.each(kills)('leaves nothing after down: $name $at $when', async (kill) => {
      const place = await prepared(scenario);
      await runKilled(place, { spec: scenario.spec, answer: true }, scenario.command, kill);
      const lives = (await place.store.list()).records.map(({ record }) => record.incarnation);
      const { spins } = await place.run(downAll(appFor(place, { answer: true })));

      expect(spins).toMatchObject([{ left: [] }]);
      expect(spins[0]?.error).toBeUndefined();
      expect(place.world.at()).toEqual([]);
      expect((await place.store.list()).records).toEqual([]);
      // What it cost is written down, once.
      const settled = (await place.store.ledger()).map(({ incarnation }) => incarnation);
      expect(settled.filter((incarnation) => lives.includes(incarnation))).toEqual(lives);
    });
  });
}

describe('an up that fails and rolls back, killed at every boundary', async () => {
  const FAULT = { class: 'crash-loop', message: 'it ended five times' };
  const upAndBack = (app: App) => up(app, { file: '-', onFailure: 'rollback' }).catch(() => 'rolled back');
  const broken = async (before?: string): Promise<Place> => {
    const place = await prepared({ name: '', command: upAndBack, spec: '', ...(before === undefined ? {} : { before }) });
    place.world.ail(before === undefined ? 'service.web' : 'service.web@2', FAULT);
    return place;
  };
  const kills: (Kill & { readonly name: string; readonly before: string | undefined })[] = [];
  for (const before of [undefined, SPEC]) {
    const { names } = await runKilled(await broken(before), { spec: before === undefined ? SPEC : CHANGED }, upAndBack);
    names.forEach((name, at) => kills.push({ name, at, when: 'before', before }, { name, at, when: 'after', before }));
  }

  it.each(kills)('goes on with up, once it is mended, and then down leaves nothing: $name $at $when', async ({ before, ...kill }) => {
    const place = await broken(before);
    const spec = before === undefined ? SPEC : CHANGED;
    expect(await runKilled(place, { spec }, upAndBack, kill)).toMatchObject({ killed: true });
    place.world.ail('service.web', undefined);
    place.world.ail('service.web@2', undefined);
    expect(await place.run(upWith(appFor(place, { spec })))).toMatchObject({ state: 'up' });
    expect(await place.run(upWith(appFor(place, { spec })))).toMatchObject({ result: 'unchanged' });
    const [record] = (await place.store.list()).records;
    expect(
      place.world
        .at()
        .map(({ key }) => key)
        .toSorted(),
    ).toEqual(Object.keys(record?.record.resources ?? {}).toSorted());
    expect(await place.run(downAll(appFor(place, { answer: true })))).toMatchObject({ spins: [{ result: 'released', left: [] }] });
    expect(place.world.at()).toEqual([]);
  });
});
