import { InternalError } from '../core/errors.ts';
import { RECORD_SCHEMA } from './record.ts';

/** A stored document of any schema, before its shape is known. */
export type Document = Readonly<Record<string, unknown>>;

/** Leads a document of one schema to the next; returns a new one. */
export type Step = (document: Document) => Document;

/** By the schema that a step starts from. A new schema is one more line here, and a fixture of the old one. */
const STEPS: Readonly<Record<number, Step>> = {};

/**
 * Leads a document step by step from schema `from` to `target`.
 * @throws InternalError where a step is missing
 */
export function migrate(
  document: Document,
  from: number,
  steps: Readonly<Record<number, Step>> = STEPS,
  target: number = RECORD_SCHEMA,
): Document {
  let current = document;
  for (let schema = from; schema < target; schema++) {
    const step = steps[schema];
    if (step === undefined) throw new InternalError(`no step leads a record from schema ${schema} to ${schema + 1}`);
    current = step(current);
  }
  return current;
}
