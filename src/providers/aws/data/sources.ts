import type { DatabaseSpec, VolumeSource } from '../../../spec/spec.ts';
import { FINAL_SNAPSHOT_END } from '../names.ts';

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

/** What RDS takes for a snapshot's name (DeleteDBInstance, API reference), less the end that each life gives it. */
const SNAPSHOT_NAME = /^[a-z](?:-?[a-z0-9])*$/i;
const MOST_SNAPSHOT_NAME = 255 - FINAL_SNAPSHOT_END;

/** What of these databases AWS cannot do, one line each. Pure. */
export function unsupportedDatabases(databases: Readonly<Record<string, DatabaseSpec>>): readonly string[] {
  return Object.values(databases).flatMap(({ name, source, finalSnapshot }) => {
    if (finalSnapshot === undefined) return [];
    if (source.from === 'replica') return [`databases.${name}: RDS takes no final snapshot of a read replica; leave finalSnapshot out`];
    // Refused no sooner than it is deleted, the database could not go at all.
    return SNAPSHOT_NAME.test(finalSnapshot) && finalSnapshot.length <= MOST_SNAPSHOT_NAME
      ? []
      : [
          `databases.${name}.finalSnapshot: ${JSON.stringify(finalSnapshot)} is no name of a snapshot: letters, digits and single hyphens between them, a letter first, up to ${MOST_SNAPSHOT_NAME}`,
        ];
  });
}
