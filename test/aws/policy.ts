import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A statement of an IAM policy as docs/iam-policy.json writes it. */
export interface Statement {
  readonly Sid: string;
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

const FILE = join(import.meta.dirname, '../../docs/iam-policy.json');

/** The policy that the documentation gives to whoever runs spin. */
export const POLICY = JSON.parse(readFileSync(FILE, 'utf8')) as { readonly Version: string; readonly Statement: readonly Statement[] };

/** Every action that it allows, each once, in order. */
export const ALLOWED: readonly string[] = [...new Set(POLICY.Statement.flatMap(({ Action }) => Action))].toSorted();
