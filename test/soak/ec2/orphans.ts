/** A sweep over ten thousand things on the EC2 double, of which some are to go and all others are not. */
import { CreateSecurityGroupCommand, CreateVolumeCommand, EC2Client, type ResourceType, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { gc } from '../../../src/app/gc.ts';
import type { GcOutcome } from '../../../src/app/outcomes.ts';
import { isoTime } from '../../../src/core/clock.ts';
import { type Incarnation, makeIncarnation, parseSpinId, type SpinId } from '../../../src/core/ids.ts';
import { OWNED, ownershipTags } from '../../../src/core/tags.ts';
import { HOUR, record, resource } from '../../cost/records.ts';
import { Dice } from '../../hostile/dice.ts';
import { watchMemory } from '../memory.ts';
import { listed, type Section } from '../report.ts';
import { openTeam, REGION, type Team, TYPE } from './team.ts';

/** Of each spin: a group, a disk and instances. */
const THINGS_EACH = 10;
const INSTANCES_EACH = THINGS_EACH - 2;
const GRACE = '1h';
/** An orphan is deleted by a sweep after the one that marks it. */
const BETWEEN_SWEEPS_MS = 300_000;
/** What the bucket of RunInstances asks for between two launches of so many. */
const BETWEEN_LAUNCHES_MS = (INSTANCES_EACH / 2) * 1_000 + 100;
const ACCOUNT = '123456789012';
const IMAGE = 'resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64';

/** A tenth each: orphans; expired, but kept by their tag; orphans that are too young. The others belong to spins that live. */
type Share = 'orphan' | 'kept' | 'young' | 'live';

interface Spin {
  readonly id: SpinId;
  readonly share: Share;
}

export async function soakSweep(things: number, seed: string): Promise<Section> {
  const team = await openTeam('documented', {}, { stoppingMs: 8_000 });
  try {
    return await measure(team, spinsOf(Math.round(things / THINGS_EACH), new Dice(seed)));
  } finally {
    await team.close();
  }
}

/** Mixed, so that nothing goes by the order of names. */
function spinsOf(count: number, dice: Dice): readonly Spin[] {
  const tenth = Math.floor(count / 10);
  const shares = Array.from({ length: count }, (_, n): Share => (['orphan', 'kept', 'young'] as const)[Math.floor(n / tenth)] ?? 'live');
  for (let n = shares.length - 1; n > 0; n--) {
    const other = dice.below(n + 1);
    [shares[n], shares[other]] = [shares[other] ?? 'live', shares[n] ?? 'live'];
  }
  return shares.map((share, n) => ({ id: parseSpinId(`soak-${n}`), share }));
}

async function measure(team: Team, spins: readonly Spin[]): Promise<Section> {
  const { clock, ec2, app } = team;
  const client = new EC2Client({ endpoint: ec2.url, region: REGION, credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'any' } });
  for (const spin of spins) if (spin.share !== 'young') await clock.run(populate(team, client, spin));
  await clock.pass(2 * HOUR);
  for (const spin of spins) if (spin.share === 'young') await clock.run(populate(team, client, spin));
  await clock.pass(60_000);
  client.destroy();
  const before = thingsOf(team);
  ec2.clear('calls');

  const memory = watchMemory();
  const realBegan = performance.now();
  const first = await timeOf(team);
  const marked = idsWith(team, OWNED.orphan);
  const untouched = thingsOf(team);
  await clock.pass(BETWEEN_SWEEPS_MS);
  const second = await timeOf(team);
  const realSeconds = (performance.now() - realBegan) / 1_000;
  memory.stop();

  const after = thingsOf(team);
  const expected = new Set(spins.filter(({ share }) => share === 'orphan').map(({ id }) => String(id)));
  const gone = [...before].filter(([thing]) => !after.has(thing));
  const toGo = [...before].filter(([, id]) => expected.has(id));
  const throttled = Object.values(ec2.throttled()).reduce((sum, one) => sum + one, 0);
  const { records } = await app.store.list();
  const calls = ec2.calls.length;
  const counts = ec2.counts();
  return {
    name: 'gc',
    notes: [
      `${before.size} things of ${spins.length} spins on the double: a tenth orphans, a tenth expired but kept, a tenth too young, the rest of spins that live`,
      `two sweeps, as an orphan is marked by the first and deleted by the second; seconds of the shared clock; ${realSeconds.toFixed(0)} s of real time`,
      `calls: ${listed(counts)}`,
    ],
    lines: [
      { what: 'things found', value: first.outcome.examined.found, unit: '', promised: { exactly: before.size } },
      { what: 'deleted by the first sweep', value: before.size - untouched.size, unit: '', promised: { exactly: 0 } },
      { what: 'spins marked', value: new Set(marked).size, unit: '', promised: { exactly: expected.size } },
      { what: 'marked, and no orphans', value: marked.filter((id) => !expected.has(id)).length, unit: '', promised: { exactly: 0 } },
      { what: 'orphans deleted', value: gone.filter(([, id]) => expected.has(id)).length, unit: '', promised: { exactly: toGo.length } },
      { what: 'others deleted', value: gone.filter(([, id]) => !expected.has(id)).length, unit: '', promised: { exactly: 0 } },
      {
        what: 'swept without a failure',
        value: second.outcome.swept.filter(({ result }) => result === 'reclaimed').length,
        unit: '',
        promised: { exactly: expected.size },
      },
      {
        what: 'records kept',
        value: records.length,
        unit: '',
        promised: { exactly: spins.filter(({ share }) => isRecorded(share)).length },
      },
      { what: 'calls throttled', value: throttled, unit: '', promised: { exactly: 0 } },
      { what: 'first sweep', value: first.seconds, unit: 's' },
      { what: 'second sweep', value: second.seconds, unit: 's' },
      { what: 'calls', value: calls, unit: '' },
      { what: 'resident memory, peak, with the double in the same process', value: memory.peak, unit: 'MB' },
    ],
  };
}

async function timeOf({ clock, app }: Team): Promise<{ readonly seconds: number; readonly outcome: GcOutcome }> {
  const began = clock.now();
  const outcome = await clock.run(gc(app, { dryRun: false, grace: GRACE, maxSpins: 1_000_000 }));
  return { seconds: (clock.now() - began) / 1_000, outcome };
}

/** Makes the things of one spin past spin itself, and writes its record where it has one. */
async function populate({ clock, app, store }: Team, client: EC2Client, { id, share }: Spin): Promise<void> {
  const began = clock.now();
  const incarnation = makeIncarnation(began);
  const tagged = (type: ResourceType, key: string) => ({
    TagSpecifications: [{ ResourceType: type, Tags: tagsOf(id, incarnation, key, app.stateTag, began) }],
  });
  const { GroupId = '' } = await client.send(
    new CreateSecurityGroupCommand({ GroupName: `spin-${id}`, Description: 'soak', ...tagged('security-group', 'firewall.web@1') }),
  );
  await client.send(
    new RunInstancesCommand({
      ImageId: IMAGE,
      InstanceType: TYPE,
      MinCount: INSTANCES_EACH,
      MaxCount: INSTANCES_EACH,
      SecurityGroupIds: [GroupId],
      ...tagged('instance', 'service.web@1'),
    }),
  );
  await client.send(new CreateVolumeCommand({ AvailabilityZone: `${REGION}a`, Size: 1, ...tagged('volume', 'volume.data@1') }));
  if (isRecorded(share)) {
    const times = { createdAt: began, updatedAt: began, readyAt: began };
    const fate = share === 'kept' ? { tags: { keep: '2026-12-31' }, deadline: began + 1 } : { deadline: began + 24 * HOUR };
    const resources = [
      resource({ kind: 'firewall', from: began }),
      resource({ kind: 'volume', name: 'data', from: began }),
      resource({ count: INSTANCES_EACH, from: began }),
    ];
    const place = { account: ACCOUNT, region: REGION };
    await store.write(undefined, {
      record: record({ id, incarnation, provider: 'aws', place, resources, ...times, ...fate }),
      lease: undefined,
      fence: 1,
    });
  }
  await clock.sleep(BETWEEN_LAUNCHES_MS);
}

function tagsOf(id: SpinId, incarnation: Incarnation, key: string, state: string, now: number): { Key: string; Value: string }[] {
  const tags = { ...ownershipTags({ id, incarnation, resource: key, state }), [OWNED.deadline]: isoTime(now + HOUR), [OWNED.owner]: 'ada' };
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

function isRecorded(share: Share): boolean {
  return share === 'live' || share === 'kept';
}

/** What there is of ours: the spin by the thing. Disks that an instance brought along go with it and are not told of. */
function thingsOf({ ec2 }: Team): ReadonlyMap<string, string> {
  const { instances, groups, volumes } = ec2.snapshot();
  const ours = [...instances, ...groups, ...volumes].flatMap(({ id, tags }) => {
    const spin = tags[OWNED.id];
    return spin === undefined ? [] : [[id, spin] as const];
  });
  return new Map(ours);
}

function idsWith({ ec2 }: Team, tag: string): readonly string[] {
  const { instances, groups, volumes } = ec2.snapshot();
  return [...instances, ...groups, ...volumes].flatMap(({ tags }) => (tags[tag] === undefined ? [] : [tags[OWNED.id] ?? '']));
}
