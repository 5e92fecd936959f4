import type { _InstanceType } from '@aws-sdk/client-ec2';

/** What AWS offers before anybody has made anything: instance types, images and their public names. */
export interface TypeEntry {
  readonly name: _InstanceType;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly architecture: 'x86_64' | 'arm64';
  readonly burstable: boolean;
  readonly spotPrice: string;
}

export const TYPES: ReadonlyMap<string, TypeEntry> = new Map(
  (
    [
      ['t3.micro', 2, 1024, 'x86_64', '0.003100'],
      ['t3.small', 2, 2048, 'x86_64', '0.006200'],
      ['t3.medium', 2, 4096, 'x86_64', '0.012500'],
      ['t4g.micro', 2, 1024, 'arm64', '0.002500'],
      ['t4g.small', 2, 2048, 'arm64', '0.005000'],
      ['m5.large', 2, 8192, 'x86_64', '0.037400'],
      ['m5.xlarge', 4, 16384, 'x86_64', '0.074800'],
      ['m6i.large', 2, 8192, 'x86_64', '0.036100'],
      ['m7i.large', 2, 8192, 'x86_64', '0.039900'],
      ['m7g.large', 2, 8192, 'arm64', '0.033700'],
      ['c5.large', 2, 4096, 'x86_64', '0.034600'],
      ['c7g.large', 2, 4096, 'arm64', '0.031200'],
      ['r6i.large', 2, 16384, 'x86_64', '0.041300'],
    ] as const
  ).map(([name, vcpus, memoryMiB, architecture, spotPrice]) => [
    name,
    { name, vcpus, memoryMiB, architecture, burstable: name.startsWith('t'), spotPrice },
  ]),
);

/** Types that one zone lacks, by the letter of the zone. */
const NOT_OFFERED: Readonly<Record<string, readonly string[]>> = { c: ['c7g.large', 'm7i.large'] };

export function isOffered(type: string, zone: string): boolean {
  return TYPES.has(type) && NOT_OFFERED[zone.slice(-1)]?.includes(type) !== true;
}

export interface ImageEntry {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly ownerAlias?: string;
  readonly architecture: 'x86_64' | 'arm64';
  readonly rootDevice: string;
  readonly sizeGiB: number;
  /** Disks beside the root, which are neither encrypted nor gone with an instance unless its launch says so. */
  readonly further: readonly { readonly device: string; readonly sizeGiB: number }[];
  /** SSM public parameters that hold its ID. */
  readonly aliases: readonly string[];
}

export const IMAGES: readonly ImageEntry[] = [
  image('ami-0a1b2c3d4e5f60001', 'al2023-ami-2023.6.20260105.0-kernel-6.1-x86_64', 'x86_64', 'amazon', [
    '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64',
    '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-x86_64',
  ]),
  image('ami-0a1b2c3d4e5f60002', 'al2023-ami-2023.6.20260105.0-kernel-6.1-arm64', 'arm64', 'amazon', [
    '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64',
    '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-arm64',
  ]),
  image('ami-0a1b2c3d4e5f60003', 'ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20260101', 'x86_64', 'canonical', [
    '/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id',
  ]),
  image('ami-0a1b2c3d4e5f60004', 'ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-20260101', 'arm64', 'canonical', [
    '/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id',
  ]),
  image('ami-0a1b2c3d4e5f60005', 'debian-12-amd64-20260101-1982', 'x86_64', 'debian', ['/aws/service/debian/release/12/latest/amd64']),
  {
    ...image('ami-0a1b2c3d4e5f60006', 'database-with-data-disks-20260101', 'x86_64', 'debian', []),
    further: [
      { device: '/dev/sdb', sizeGiB: 100 },
      { device: '/dev/xvdp', sizeGiB: 20 },
    ],
  },
];

/** Images have another ID in every region; those of us-east-1 are the ones listed here. */
export function imageIdIn(region: string, { id }: Pick<ImageEntry, 'id'>): string {
  if (region === 'us-east-1') return id;
  const mark = Buffer.from(region).reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, 7);
  return `ami-0${mark.toString(16).padStart(8, '0')}${id.slice(-8)}`;
}

function image(
  id: string,
  name: string,
  architecture: 'x86_64' | 'arm64',
  by: 'amazon' | 'canonical' | 'debian',
  aliases: readonly string[],
): ImageEntry {
  const maker = {
    amazon: { owner: '137112412989', ownerAlias: 'amazon', rootDevice: '/dev/xvda' },
    canonical: { owner: '099720109477', ownerAlias: 'amazon', rootDevice: '/dev/sda1' },
    debian: { owner: '136693071363', rootDevice: '/dev/xvda' },
  }[by];
  return { id, name, architecture, sizeGiB: 8, further: [], aliases, ...maker };
}
