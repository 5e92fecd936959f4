import { DescribeImagesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { Fault } from '../../fault.ts';
import type { Call } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { Remembered } from '../remembered.ts';

/** What there is to know of a machine image before an instance is started from it. */
export interface Image {
  readonly id: string;
  /** As its maker calls it, such as `al2023-ami-2023.6.20250128.0-kernel-6.1-x86_64`. */
  readonly name: string;
  /** `x86_64` or `arm64`: what an instance type must offer. */
  readonly architecture: string;
  /** Device name of the root disk, such as `/dev/xvda`. */
  readonly rootDevice: string;
  /** Size of the root disk in GiB as the image has it. */
  readonly rootGiB: number | undefined;
  /** EBS disks that it has beside that. */
  readonly further: readonly ImageDisk[];
}

/** A disk of an image beside its root: of a snapshot, or empty. */
export interface ImageDisk {
  readonly device: string;
  readonly gib: number | undefined;
  readonly snapshot: string | undefined;
}

const images = new WeakMap<Cloud, Remembered<Image>>();
const ids = new WeakMap<Cloud, Remembered<string>>();

/**
 * Resolves an image: its ID, or the name of an SSM parameter that holds one, such as the public
 * `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64` (a leading `resolve:ssm:` is allowed, as in EC2 itself).
 * Asked once per process.
 * @throws Fault `not-found` `image-missing`; `invalid` `image-invalid` where a parameter holds something else
 */
export function resolveImage(cloud: Cloud, image: string, call: Call): Promise<Image> {
  const remembered = images.get(cloud) ?? new Remembered<Image>();
  images.set(cloud, remembered);
  return remembered.get(image, call, () => resolve(cloud, image, call));
}

async function resolve(cloud: Cloud, image: string, call: Call): Promise<Image> {
  const id = await imageIdOf(cloud, image, call);
  const { Images } = await cloud.send(EC2Client, new DescribeImagesCommand({ ImageIds: [id] }), call);
  const found = Images?.[0];
  if (found?.RootDeviceName === undefined || found.State === 'deregistered') {
    throw new Fault('not-found', 'image-missing', `image ${id} is not in ${cloud.region}, or may not be used by this account`);
  }
  const root = found.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName === found.RootDeviceName);
  return {
    id,
    name: found.Name ?? '',
    architecture: found.Architecture ?? 'x86_64',
    rootDevice: found.RootDeviceName,
    rootGiB: root?.Ebs?.VolumeSize,
    further: (found.BlockDeviceMappings ?? []).flatMap(({ DeviceName: device, Ebs: ebs }) =>
      device === undefined || device === found.RootDeviceName || ebs === undefined
        ? []
        : [{ device, gib: ebs.VolumeSize, snapshot: ebs.SnapshotId }],
    ),
  };
}

/** The ID of an image, without a look at the image itself; asked once per process. @throws Fault, `invalid` `image-invalid` */
export async function imageIdOf(cloud: Cloud, image: string, call: Call): Promise<string> {
  const name = image.replace(/^resolve:ssm:/, '');
  if (isImageId(name)) return name;
  const remembered = ids.get(cloud) ?? new Remembered<string>();
  ids.set(cloud, remembered);
  return remembered.get(name, call, () => parameter(cloud, name, call));
}

async function parameter(cloud: Cloud, name: string, call: Call): Promise<string> {
  // An image by its ID needs no such client.
  const { GetParameterCommand, SSMClient } = await import('@aws-sdk/client-ssm');
  const { Parameter } = await cloud.send(SSMClient, new GetParameterCommand({ Name: name }), call);
  const value = Parameter?.Value ?? '';
  if (isImageId(value)) return value;
  throw new Fault('invalid', 'image-invalid', `the parameter ${name} of ${cloud.region} holds no image ID`);
}

function isImageId(text: string): boolean {
  return /^ami-[0-9a-f]+$/.test(text);
}
