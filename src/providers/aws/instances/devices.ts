import { Fault } from '../../fault.ts';
import type { ServiceSpec } from '../../../spec/spec.ts';
import type { Image } from './images.ts';

/**
 * Device name of the n-th volume of a service, from 0: `/dev/sdp` back to `/dev/sdf`, the names that AWS recommends for volumes
 * (https://docs.aws.amazon.com/ebs/latest/userguide/device_naming.html). From the end, as images that were made of a machine with disks
 * have theirs at the first of these.
 */
export function deviceOf(index: number): string {
  return `/dev/sd${String.fromCodePoint(0x70 - index)}`;
}

/** As many volumes as there are such names. */
export const MOST_VOLUMES = 11;

/** The disk of an image would be taken for the volume. @throws Fault `invalid` `device-taken` */
export function refuseTakenDevices({ name, volumes }: ServiceSpec, image: Image): void {
  // Both names are one: which of them the machine shows depends on its kind.
  const taken = new Set(image.further.map(({ device }) => device.replace(/^\/dev\/xvd/, '/dev/sd')));
  const clash = volumes.findIndex((_, index) => taken.has(deviceOf(index)));
  if (clash === -1) return;
  const what = `the image ${image.id} has a disk of its own at ${deviceOf(clash)}, where ${volumes[clash]?.volume} of ${name} would be`;
  throw new Fault('invalid', 'device-taken', what, { hint: 'use an image without it, or fewer volumes' });
}
