import { messageOf, SpinError } from '../core/errors.ts';
import type { SpinId } from '../core/ids.ts';
import { type Document, migrate } from './migrate.ts';
import { assertStored, isMembers } from './record-shape.ts';
import { RECORD_SCHEMA } from './record.ts';
import type { StoredRecord } from './store.ts';

/** What stands in place of a record between its removal and the deletion of its files. */
export const REMOVED = '{"removed":true}\n';

const STAMP = /^\{"stamp":"([0-9a-z]+)"/;

/**
 * The text of a record and its lease: one document, so that one atomic replacement covers both.
 * @param stamp never used before; tells this text from every other
 */
export function encodeRecord(next: Omit<StoredRecord, 'version'>, stamp: string): string {
  return `${JSON.stringify({ stamp, schema: next.record.schema, fence: next.fence, lease: next.lease, record: next.record })}\n`;
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
  const stored: unknown = { fence, lease, record };
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
