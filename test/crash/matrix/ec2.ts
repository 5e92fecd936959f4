import { setTimeout as pause } from 'node:timers/promises';
import { OWNED } from '../../../src/core/tags.ts';
import { type Ec2, environmentOf, startEc2 } from '../../fakes/ec2/start.ts';
import { LOOKED_INTO, REGION, scenariosOf, specWith, statusOf } from './aws.ts';
import type { Build } from './build.ts';
import { Folder } from './folder.ts';
import { openGate } from './gate.ts';
import { type Ground, ID, type World } from './ground.ts';

/** As long as a creating call may stay out of every list: within the window in which spin takes what is missing for not yet there. */
const UNSEEN_MS = 2_000;

/** The wire-level double of EC2, a new one for each trial. */
export function ec2Ground(build: Build): Ground {
  return {
    name: 'ec2',
    scenarios: scenariosOf(specWith()),
    open: ({ unseen }) => openWorld(build, unseen),
    close: () => Promise.resolve(),
  };
}

async function openWorld(build: Build, unseen: boolean): Promise<World> {
  const ec2 = await startEc2({ pendingMs: 100, stoppingMs: 100, visibleMs: unseen ? UNSEEN_MS : 0 });
  const gate = await openGate(ec2.url);
  const folder = new Folder(build, { ...environmentOf(gate.url, REGION), ...LOOKED_INTO });
  return {
    folder,
    breakCall: (at, kill) => gate.breakCall(at, kill),
    calls: () => gate.calls,
    broke: () => gate.broke(),
    picture: async () => ({ ...(await statusOf(folder)), ...worldOf(ec2), deadlines: deadlinesOf(ec2, folder) }),
    left: () => Promise.resolve(leftIn(ec2)),
    becomeVisible: () => (unseen ? pause(UNSEEN_MS) : Promise.resolve()),
    close: async () => {
      await folder.remove();
      await gate.close();
      await ec2.close();
    },
  };
}

/** What there is, counted by what it is for. */
export function worldOf(ec2: Ec2): object {
  const { instances, groups, volumes, parameters } = ec2.snapshot();
  const of = (things: readonly { readonly tags: Readonly<Record<string, string>> }[]): readonly string[] =>
    things.map(({ tags }) => (tags[OWNED.resource] ?? 'without a tag').replace(/@\d+/, '')).toSorted();
  const living = instances.filter(({ state }) => state !== 'shutting-down');
  return {
    instances: living
      .map(({ tags, state, type }) => `${(tags[OWNED.resource] ?? 'without a tag').replace(/@\d+/, '')} ${state} ${type}`)
      .toSorted(),
    groups: of(groups),
    rules: groups.map(({ rules }) => rules).toSorted((a, b) => a - b),
    volumes: volumes
      .map(({ tags, attachedTo, state }) =>
        `${tags[OWNED.resource] ?? 'of an instance'} ${state} ${attachedTo === undefined ? 'free' : 'attached'}`.replace(/@\d+/, ''),
      )
      .toSorted(),
    parameters: of(parameters),
  };
}

/** Each instance has its deadline in a tag, and none another than the record's. */
function deadlinesOf(ec2: Ec2, folder: Folder): string {
  const told = new Set(ec2.snapshot().instances.map(({ tags }) => Date.parse(tags[OWNED.deadline] ?? '')));
  const [only] = told;
  return told.size === 1 && Math.abs((only ?? 0) - (folder.record(ID)?.deadline ?? 0)) < 1_000 ? 'agree' : 'differ';
}

export function leftIn(ec2: Ec2): readonly string[] {
  const { instances, groups, volumes, snapshots, interfaces, parameters } = ec2.snapshot();
  return Object.entries({ instances, groups, volumes, snapshots, interfaces, parameters }).flatMap(([kind, things]) =>
    things.map(({ id, tags }) => `${kind} ${id} ${tags[OWNED.resource] ?? ''}`),
  );
}
