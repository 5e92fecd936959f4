import { messageOf, SpinError } from '../core/errors.ts';
import type { SpinId } from '../core/ids.ts';
import { type Document, migrate } from './migrate.ts';
import { assertStored, isMembers } from './record-shape.ts';
import { RECORD_SCHEMA, type ResourceRecord, type SpinRecord } from './record.ts';
import type { StoredRecord } from './store.ts';

/** What stands in place of a record between its removal and the deletion of its files. */
export const REMOVED = '{"removed":true}\n';

type Services = SpinRecord['spec']['services'];

const STAMP = /^\{"stamp":"([0-9a-z]+)"/;

/**
 * The text of a record and its lease: one document, so that one atomic replacement covers both.
 * @param stamp never used before; tells this text from every other
 */
export function encodeRecord(next: Omit<StoredRecord, 'version'>, stamp: string): string {
  const { record, fence, lease } = next;
  const { services } = record.spec;
  const resources = Object.fromEntries(Object.entries(record.resources).map(([key, resource]) => [key, brief(resource, services)]));
  return `${JSON.stringify({ stamp, schema: record.schema, fence, lease, record: { ...record, resources } })}\n`;
}

/** A service that is the spec's own is written as its name: half of a record would else say the same again, and listing is reading. */
function brief(resource: ResourceRecord, services: Services): unknown {
  const { desire } = resource;
  if (desire.kind !== 'service' || !Object.hasOwn(services, desire.service.name)) return resource;
  const own = services[desire.service.name];
  const same = own === desire.service || JSON.stringify(own) === JSON.stringify(desire.service);
  return same ? { ...resource, desire: { ...desire, service: desire.service.name } } : resource;
}

/** Puts the spec's services back in the place of their names. What has not the form for it is left to the check of the shape. */
function spelledOut(record: unknown): unknown {
  if (!isMembers(record) || !isMembers(record['spec']) || !isMembers(record['spec']['services']) || !isMembers(record['resources']))
    return record;
  const { services } = record['spec'];
  for (const resource of Object.values(record['resources'])) {
    if (!isMembers(resource) || !isMembers(resource['desire'])) continue;
    const { desire } = resource;
    const name = desire['service'];
    if (desire['kind'] === 'service' && typeof name === 'string' && Object.hasOwn(services, name))
      Object.assign(desire, { service: services[name] });
  }
  return record;
}

/** The stamp of a text without reading the rest, or '' where it has none, as after an edit by hand. */
export function stampOf(text: string): string {
  return STAMP.exec(text)?.[1] ?? '';
}

/**
 * Reads the text of `file`, which stands in the folder of `id`.
 * @returns undefined where the record was removed
 * @throws SpinError `record-damaged`, `record-newer`
 */
export function decodeRecord(text: string, file: string, id: SpinId): Omit<StoredRecord, 'version'> | undefined {
  if (text === REMOVED) return undefined;
  const damaged = (problem: string, cause?: unknown): never => {
    throw new SpinError('record-damaged', `the record of ${id} is damaged: ${problem} (${file})`, {
      data: { id, file, problem },
      ...(cause === undefined ? {} : { cause }),
    });
  };
  const document = parseDocument(text, damaged);
  const schema = schemaOf(document) ?? damaged('it names no schema');
  if (schema > RECORD_SCHEMA) {
    throw new SpinError('record-newer', `the record of ${id} has schema ${schema}, and this spin knows ${RECORD_SCHEMA} (${file})`, {
      data: { id, file, schema, known: RECORD_SCHEMA },
    });
  }
  const { fence, lease, record } = migrate(document, schema);
  const stored: unknown = { fence, lease, record: spelledOut(record) };
  assertStored(stored, damaged);
  if (stored.record.id !== id) damaged(`it is the record of ${stored.record.id}`);
  return { record: stored.record, lease: stored.lease, fence: stored.fence };
}

function parseDocument(text: string, damaged: (problem: string, cause?: unknown) => never): Document {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (thrown) {
    return damaged(messageOf(thrown), thrown);
  }
  return isMembers(document) ? document : damaged('it is not an object');
}

/** The schema stands outside the record, so that a later form may change the record entirely; the higher of both counts. */
function schemaOf(document: Document): number | undefined {
  const inner = isMembers(document['record']) ? document['record']['schema'] : undefined;
  const schemas = [document['schema'], inner].filter((schema) => typeof schema === 'number' && Number.isInteger(schema) && schema >= 1);
  return schemas.length === 0 ? undefined : Math.max(...schemas.map(Number));
}
