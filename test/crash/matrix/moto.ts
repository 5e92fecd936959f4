import {
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  DescribeVolumesCommand,
  EC2Client,
  RegisterImageCommand,
} from '@aws-sdk/client-ec2';
import {
  DescribeRulesCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { IAMClient, ListInstanceProfilesCommand, ListRolesCommand } from '@aws-sdk/client-iam';
import { ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { DescribeParametersCommand, SSMClient } from '@aws-sdk/client-ssm';
import { setTimeout as pause } from 'node:timers/promises';
import { OWNED } from '../../../src/core/tags.ts';
import { environmentOf } from '../../fakes/ec2/start.ts';
import { type MotoProxy, startProxy } from '../../fakes/moto/proxy.ts';
import { type Moto, startMoto, WITHOUT_IMAGES } from '../../fakes/moto/server.ts';
import { LOOKED_INTO, REGION, scenariosOf, specWith, statusOf } from './aws.ts';
import type { Build } from './build.ts';
import { Folder } from './folder.ts';
import { openGate } from './gate.ts';
import type { Ground, World } from './ground.ts';
import { frontListener } from '../../fakes/moto/front.ts';

const UNSEEN_MS = 2_000;
/** A server needs some 180 MiB, and one core. */
const SERVERS = 2;
const ROLE = 'arn:aws:iam::123456789012:role/scheduler';

type Clients = ReturnType<typeof clientsOf>;

/** Moto behind its proxy: what the double lacks is there too, so the spec has a secret, a route and a schedule. */
export function motoGround(build: Build, program: string): Ground {
  const idle: Moto[] = [];
  const started: Promise<Moto>[] = [];
  const take = async (): Promise<Moto> => {
    const moto = idle.pop();
    if (moto !== undefined) return moto;
    const starting = startMoto(program, { env: WITHOUT_IMAGES });
    started.push(starting);
    return starting;
  };
  return {
    name: 'moto',
    scenarios: scenariosOf(specWith({ secrets: true })),
    jobs: SERVERS,
    open: async ({ unseen }) => {
      const moto = await take();
      return openWorld(build, moto, unseen, () => void idle.push(moto));
    },
    close: async () => {
      for (const moto of started) await (await moto).stop();
    },
  };
}

async function openWorld(build: Build, moto: Moto, unseen: boolean, giveBack: () => void): Promise<World> {
  const proxy = await startProxy(moto.url, { behaviour: { visibleMs: unseen ? UNSEEN_MS : 0 } });
  await proxy.reset();
  const clients = clientsOf(proxy.url);
  const { image, listener } = await furnish(clients);
  const gate = await openGate(proxy.url);
  const folder = new Folder(build, {
    ...environmentOf(gate.url, REGION),
    ...LOOKED_INTO,
    SPIN_AWS_IMAGE: image,
    SPIN_AWS_LISTENER: listener,
    SPIN_AWS_SCHEDULER_ROLE: ROLE,
  });
  return {
    folder,
    breakCall: (at, kill) => gate.breakCall(at, kill),
    calls: () => gate.calls,
    broke: () => gate.broke(),
    picture: async () => ({ ...(await statusOf(folder)), ...(await pictureOf(clients, listener)) }),
    left: async () =>
      Object.entries(await thingsIn(clients, listener)).flatMap(([kind, things]) => things.map((thing) => `${kind} ${thing}`)),
    becomeVisible: () => (unseen ? pause(UNSEEN_MS) : Promise.resolve()),
    close: async () => {
      await folder.remove();
      await gate.close();
      await closeAll(clients, proxy);
      giveBack();
    },
  };
}

function clientsOf(endpoint: string) {
  const settings = { endpoint, region: REGION, credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' } };
  return {
    ec2: new EC2Client(settings),
    elb: new ElasticLoadBalancingV2Client(settings),
    iam: new IAMClient(settings),
    scheduler: new SchedulerClient(settings),
    ssm: new SSMClient(settings),
  };
}

async function closeAll(clients: Clients, proxy: MotoProxy): Promise<void> {
  for (const client of Object.values(clients)) client.destroy();
  await proxy.close();
}

/** What an account has before spin comes: an image, and a listener of a load balancer. */
async function furnish({ ec2, elb }: Clients): Promise<{ readonly image: string; readonly listener: string }> {
  const { ImageId = '' } = await ec2.send(
    new RegisterImageCommand({ Name: 'crash', Architecture: 'x86_64', RootDeviceName: '/dev/xvda', VirtualizationType: 'hvm' }),
  );
  const listener = await frontListener({ ec2, elb });
  return { image: ImageId, listener };
}

/** Everything that spin could have made, by what it is for; each thing once. */
async function thingsIn(
  { ec2, elb, iam, scheduler, ssm }: Clients,
  listener: string,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const living = [{ Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'stopped'] }];
  const [instances, groups, volumes, targets, rules, roles, profiles, schedules, parameters] = await Promise.all([
    ec2.send(new DescribeInstancesCommand({ Filters: living })),
    ec2.send(new DescribeSecurityGroupsCommand({})),
    ec2.send(new DescribeVolumesCommand({})),
    elb.send(new DescribeTargetGroupsCommand({})),
    elb.send(new DescribeRulesCommand({ ListenerArn: listener })),
    iam.send(new ListRolesCommand({ PathPrefix: '/spin/' })),
    iam.send(new ListInstanceProfilesCommand({ PathPrefix: '/spin/' })),
    scheduler.send(new ListSchedulesCommand({})),
    ssm.send(new DescribeParametersCommand({})),
  ]);
  const machines = (instances.Reservations ?? []).flatMap(({ Instances = [] }) => Instances);
  const live = new Set(machines.map(({ InstanceId }) => InstanceId));
  return {
    instances: machines.map(({ Tags, State }) => `${resourceOf(Tags)} ${State?.Name ?? ''}`).toSorted(),
    groups: (groups.SecurityGroups ?? [])
      .filter(({ GroupName }) => GroupName !== 'default')
      .map(({ Tags }) => resourceOf(Tags))
      .toSorted(),
    // The disk that an instance came with goes with it.
    volumes: (volumes.Volumes ?? [])
      .filter(
        ({ Tags, Attachments = [] }) =>
          resourceOf(Tags).startsWith('volume') || Attachments.every(({ InstanceId }) => live.has(InstanceId)),
      )
      .map(({ Tags, State }) => `${resourceOf(Tags)} ${State ?? ''}`)
      .toSorted(),
    targets: (targets.TargetGroups ?? []).map(({ Port }) => String(Port)),
    rules: (rules.Rules ?? [])
      .filter(({ IsDefault }) => IsDefault !== true)
      .map(({ Conditions = [] }) => Conditions.map(({ Field }) => Field).join()),
    roles: (roles.Roles ?? []).map(() => 'role'),
    profiles: (profiles.InstanceProfiles ?? []).map(({ Roles = [] }) => `profile of ${Roles.length}`),
    schedules: (schedules.Schedules ?? []).map(({ Target }) => Target?.Arn?.split(':').at(-1) ?? '').toSorted(),
    parameters: (parameters.Parameters ?? []).map(({ Type }) => Type ?? ''),
  };
}

async function pictureOf(clients: Clients, listener: string): Promise<object> {
  const { TargetGroups = [] } = await clients.elb.send(new DescribeTargetGroupsCommand({}));
  const registered = TargetGroups.map(async ({ TargetGroupArn }) => {
    const { TargetHealthDescriptions = [] } = await clients.elb.send(new DescribeTargetHealthCommand({ TargetGroupArn }));
    return TargetHealthDescriptions.map(({ TargetHealth }) => TargetHealth?.State);
  });
  return { ...(await thingsIn(clients, listener)), registered: await Promise.all(registered) };
}

function resourceOf(tags: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined): string {
  return (tags?.find(({ Key }) => Key === OWNED.resource)?.Value ?? 'untagged').replace(/@\d+/, '');
}
