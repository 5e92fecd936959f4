/**
 * Device name of the n-th volume of a service, from 0: `/dev/sdf` to `/dev/sdp`, which AWS recommends for volumes
 * (https://docs.aws.amazon.com/ebs/latest/userguide/device_naming.html).
 */
export function deviceOf(index: number): string {
  return `/dev/sd${String.fromCodePoint(0x66 + index)}`;
}

/** As many volumes as there are such names. */
export const MOST_VOLUMES = 11;
