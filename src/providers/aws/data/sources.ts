import type { DatabaseSpec, VolumeSource } from '../../../spec/spec.ts';

/** What volumes and databases start with, as far as it can be told without asking. */

/** A volume that starts empty and says no size. */
export const EMPTY_DISK_GIB = 8;

/** What of these volumes AWS cannot start with, one line each. Pure. */
export function unsupportedVolumes(volumes: Readonly<Record<string, VolumeSource>>): readonly string[] {
  return Object.entries(volumes).flatMap(([name, { from }]) =>
    from === 'folder' || from === 'archive' ? [`volumes.${name}: a disk starts from snapshot, or empty with size; not from a ${from}`] : [],
  );
}

/** Size in GiB of the disk that a volume becomes; undefined where only its snapshot knows. */
export function diskSize(source: VolumeSource): number | undefined {
  switch (source.from) {
    case 'disk':
    case 'snapshot':
      return source.sizeGiB;
    case 'empty':
    case 'folder':
    case 'archive':
      return EMPTY_DISK_GIB;
  }
}

/** What of these databases AWS cannot do, one line each. Pure. */
export function unsupportedDatabases(databases: Readonly<Record<string, DatabaseSpec>>): readonly string[] {
  return Object.values(databases).flatMap(({ name, source, finalSnapshot }) =>
    source.from === 'replica' && finalSnapshot !== undefined
      ? [`databases.${name}: RDS takes no final snapshot of a read replica; leave finalSnapshot out`]
      : [],
  );
}
