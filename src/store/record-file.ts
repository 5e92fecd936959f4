import { messageOf, SpinError } from '../core/errors.ts';
import type { SpinId } from '../core/ids.ts';
import type { Desire } from '../plan/plan.ts';
import { type Document, migrate } from './migrate.ts';
import { assertOutline, assertStored } from './record-shape.ts';
import { RECORD_SCHEMA, type RecordOutline, type SpinRecord } from './record.ts';
import { isMembers } from './shape.ts';
import type { StoredRecord } from './store.ts';

/** What stands in place of a record between its removal and the deletion of its files. */
export const REMOVED = '{"removed":true}\n';

type Services = SpinRecord['spec']['services'];

const STAMP = /^\{"stamp":"([0-9a-z]+)"/;

/**
 * The text of a record and its lease: one document, so that one atomic replacement covers both. What was asked for comes last,
 * so that a list of spins need not read it.
 * @param stamp never used before; tells this text from every other
 */
export function encodeRecord(next: Omit<StoredRecord, 'version'>, stamp: string): string {
  const { fence, lease } = next;
  const { spec, resources, ...record } = next.record;
  const outlines: Record<string, unknown> = {};
  const desires: Record<string, unknown> = {};
  for (const [key, { desire, ...outline }] of Object.entries(resources)) {
    outlines[key] = outline;
    desires[key] = brief(desire, spec.services);
  }
  return `${JSON.stringify({ stamp, schema: record.schema, fence, lease, record: { ...record, resources: outlines }, asked: { spec, desires } })}\n`;
}

/** Where the outline ends. Inside a text of JSON its quotes would be escaped, and nothing of ours has an object that begins so. */
const ASKED = ',"asked":{"spec":{';

/** A service that is the spec's own is written as its name: half of what was asked for would else say the same again. */
function brief(desire: Desire, services: Services): unknown {
  if (desire.kind !== 'service' || !Object.hasOwn(services, desire.service.name)) return desire;
  const own = services[desire.service.name];
  const same = own === desire.service || JSON.stringify(own) === JSON.stringify(desire.service);
  return same ? { ...desire, service: desire.service.name } : desire;
}

/** Joins outline and what was asked for again. What has not the form for it is left to the check of the shape. */
function joined(document: Document): unknown {
  const { record, asked } = document;
  if (!isMembers(record) || !isMembers(record['resources']) || !isMembers(asked) || !isMembers(asked['desires'])) return record;
  const { spec, desires } = asked;
  const services = isMembers(spec) && isMembers(spec['services']) ? spec['services'] : {};
  const resources = Object.entries(record['resources']).map(([key, outline]) => {
    const desire = Object.hasOwn(desires, key) ? desires[key] : undefined;
    return [key, isMembers(outline) ? { ...outline, desire: spelledOut(desire, services) } : outline] as const;
  });
  // Records of the first version know of no databases.
  return { ...record, spec: isMembers(spec) ? { databases: {}, ...spec } : spec, resources: Object.fromEntries(resources) };
}

function spelledOut(desire: unknown, services: Document): unknown {
  if (!isMembers(desire) || desire['kind'] !== 'service') return desire;
  const name = desire['service'];
  return typeof name === 'string' && Object.hasOwn(services, name) ? { ...desire, service: services[name] } : desire;
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
  const damaged = damageOf(file, id);
  const document = parseDocument(text, damaged);
  const { fence, lease, asked, record } = currentForm(document, file, id, damaged);
  const stored: unknown = { fence, lease, record: joined({ record, asked }) };
  assertStored(stored, damaged);
  if (stored.record.id !== id) damaged(`it is the record of ${stored.record.id}`);
  return { record: stored.record, lease: stored.lease, fence: stored.fence };
}

/** As decodeRecord, without reading what was asked for. */
export function decodeOutline(text: string, file: string, id: SpinId): RecordOutline | undefined {
  const end = text.indexOf(ASKED);
  // Cut short on the disk, it is no whole record either.
  if (end === -1 || !text.endsWith('}}\n')) return decodeRecord(text, file, id)?.record;
  const damaged = damageOf(file, id);
  const document = parseDocument(`${text.slice(0, end)}}`, damaged);
  if (schemaOf(document) !== RECORD_SCHEMA) return decodeRecord(text, file, id)?.record;
  const { record } = document;
  assertOutline(record, damaged);
  if (record.id !== id) damaged(`it is the record of ${record.id}`);
  return record;
}

type Damaged = (problem: string, cause?: unknown) => never;

function damageOf(file: string, id: SpinId): Damaged {
  return (problem, cause) => {
    throw new SpinError('record-damaged', `the record of ${id} is damaged: ${problem} (${file})`, {
      data: { id, file, problem },
      ...(cause === undefined ? {} : { cause }),
    });
  };
}

/** The document led up to the schema that this spin writes. */
function currentForm(document: Document, file: string, id: SpinId, damaged: Damaged): Document {
  const schema = schemaOf(document) ?? damaged('it names no schema');
  if (schema > RECORD_SCHEMA) {
    throw new SpinError('record-newer', `the record of ${id} has schema ${schema}, and this spin knows ${RECORD_SCHEMA} (${file})`, {
      data: { id, file, schema, known: RECORD_SCHEMA },
    });
  }
  return migrate(document, schema);
}

function parseDocument(text: string, damaged: Damaged): Document {
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
