import {
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  EC2Client,
  RegisterImageCommand,
} from '@aws-sdk/client-ec2';
import { type Behaviour, type MotoProxy, startProxy } from '../../fakes/moto/proxy.ts';
import { findMoto, startMoto, WITHOUT_IMAGES } from '../../fakes/moto/server.ts';
import { BenchFailure } from '../command.ts';

export const REGION = 'us-east-1';
export const TYPE = 'm5.large';
export const LATENCY_MS = 50;

/** What instances are made from and in. */
export interface Base {
  readonly image: string;
  readonly subnet: string;
}

/** What the contenders work on: moto, and the proxy that they talk to. */
export interface Ground {
  readonly proxy: MotoProxy;
  /** What leads a program to it, and nowhere else. */
  readonly env: Readonly<Record<string, string>>;
  /** Empties it, but for one image; moto's own 1,177 would slow every RunInstances down, and so hide what spin adds. */
  clear(): Promise<Base>;
  /** What is there that is billed or was made by a contender, as a client of its own sees it. */
  left(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** @throws BenchFailure where there is no moto */
export async function makeGround(behaviour: Partial<Behaviour> = {}): Promise<Ground> {
  const program = findMoto();
  if (program === undefined)
    throw new BenchFailure('moto_server is not on this machine: nothing can be measured (SPIN_MOTO_SERVER names another place)');
  const moto = await startMoto(program, { env: WITHOUT_IMAGES });
  const proxy = await startProxy(moto.url, { behaviour: { latencyMs: LATENCY_MS, ...behaviour } });
  const env = {
    AWS_ENDPOINT_URL: proxy.url,
    AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
  };
  const credentials = { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY };
  const own = new EC2Client({ endpoint: moto.url, region: REGION, credentials });
  return {
    proxy,
    env,
    clear: async () => {
      await proxy.reset();
      const image = { Name: 'bench', Architecture: 'x86_64', RootDeviceName: '/dev/xvda', VirtualizationType: 'hvm' } as const;
      const { ImageId = '' } = await own.send(new RegisterImageCommand(image));
      const { Subnets: [{ SubnetId = '' } = {}] = [] } = await own.send(new DescribeSubnetsCommand({}));
      return { image: ImageId, subnet: SubnetId };
    },
    left: () => leftIn(own),
    close: async () => {
      own.destroy();
      await proxy.close();
      await moto.stop();
    },
  };
}

async function leftIn(ec2: EC2Client): Promise<readonly string[]> {
  const [instances, groups, volumes] = await Promise.all([
    ec2.send(
      new DescribeInstancesCommand({ Filters: [{ Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'stopped'] }] }),
    ),
    ec2.send(new DescribeSecurityGroupsCommand({})),
    ec2.send(new DescribeVolumesCommand({})),
  ]);
  return [
    ...(instances.Reservations ?? []).flatMap(({ Instances = [] }) => Instances).map(({ InstanceId }) => `instance ${InstanceId}`),
    ...(groups.SecurityGroups ?? [])
      .filter(({ GroupName }) => GroupName !== 'default')
      .map(({ GroupName }) => `security group ${GroupName}`),
    ...(volumes.Volumes ?? []).map(({ VolumeId }) => `volume ${VolumeId}`),
  ];
}
