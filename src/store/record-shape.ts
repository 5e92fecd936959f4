import { isSpinId } from '../core/ids.ts';
import { type Interval, type RecordOutline, type ResourceRecord, type SpinRecord, STATUSES } from './record.ts';
import type { Holder, Lease, StoredRecord } from './store.ts';

/**
 * A light check by hand of what the code relies on, because it runs for every record of every `spin ls`;
 * the spec inside was validated before it was written. A field that is added to a type and not here does not compile.
 */
type Check = (value: unknown) => boolean;
type Fields<Key extends string = string> = Readonly<Record<Key, Check>>;
type Members = Readonly<Record<string, unknown>>;

const INCARNATION = /^[0-9a-hjkmnp-tv-z]{26}$/;
const KNOWN_STATUSES: ReadonlySet<unknown> = new Set(STATUSES);

const text: Check = (value) => typeof value === 'string';
const number: Check = (value) => typeof value === 'number';
const list: Check = (value) => Array.isArray(value);
const price: Check = (value) => typeof value === 'number' || value === 'unknown';
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const STORED: Fields<'fence' | 'record'> = { fence: number, record: isMembers };
const LEASE: Fields<keyof Lease> = { holder: isMembers, fence: number, acquiredAt: number, expiresAt: number };
const HOLDER: Fields<keyof Holder> = { host: text, pid: number, startTime: text, user: text, command: text };
const RECORD: Fields<Exclude<keyof SpinRecord, 'schema'>> = {
  id: (value) => typeof value === 'string' && isSpinId(value),
  // It becomes the name of a file.
  incarnation: (value) => typeof value === 'string' && INCARNATION.test(value),
  trace: text,
  provider: text,
  place: maybe(isMembers),
  owner: text,
  tags: isMembers,
  spec: isMembers,
  specFile: text,
  desired: (value) => value === 'up' || value === 'down',
  createdAt: number,
  updatedAt: number,
  deadline: number,
  readyAt: maybe(number),
  releasedAt: maybe(number),
  failure: maybe(isMembers),
  enforcers: list,
  resources: isMembers,
  generations: isMembers,
  spent: list,
};
const SPEC: Fields = {
  name: text,
  provider: text,
  ttlMs: number,
  tags: isMembers,
  services: isMembers,
  volumes: isMembers,
  secrets: isMembers,
};
const RESOURCE: Fields<keyof ResourceRecord | 'handle'> = {
  key: text,
  address: text,
  kind: text,
  generation: number,
  token: text,
  count: number,
  attempt: maybe(number),
  digest: text,
  // A service that the spec does not have stays a name, which nothing can be run from.
  desire: (value) => isMembers(value) && (value['kind'] !== 'service' || isMembers(value['service'])),
  strategy: text,
  needs: list,
  bound: text,
  hourly: price,
  requestedAt: number,
  since: number,
  status: (value) => KNOWN_STATUSES.has(value),
  handle: maybe(isMembers),
};
const BY_STATUS: Readonly<Record<string, Fields>> = {
  booting: { handle: isMembers },
  ready: { handle: isMembers, endpoints: list, readyAt: number },
  failed: { at: text, fault: isMembers },
};
/** What an outline leaves out. */
const { spec: _spec, ...OUTLINE } = RECORD;
const { desire: _desire, ...RESOURCE_OUTLINE } = RESOURCE;
const INTERVAL: Fields<keyof Interval> = {
  resource: text,
  service: maybe(text),
  instances: maybe(number),
  from: number,
  to: number,
  hourly: price,
};

/** Throws through `refuse` where a document of the current schema is not a stored record; `refuse` gets what is wrong, by its path. */
export function assertStored(value: unknown, refuse: (problem: string) => never): asserts value is Omit<StoredRecord, 'version'> {
  const problem = problemOf(value);
  if (problem !== undefined) refuse(problem);
}

/** As assertStored, for a record without what was asked for. */
export function assertOutline(value: unknown, refuse: (problem: string) => never): asserts value is RecordOutline {
  const problem =
    (fits(value, OUTLINE) ? undefined : wrongIn(value, OUTLINE, 'record.')) ??
    wrongResource(memberOf(value, 'resources'), RESOURCE_OUTLINE) ??
    wrongInterval(memberOf(value, 'spent'));
  if (problem !== undefined) refuse(problem);
}

function problemOf(value: unknown): string | undefined {
  if (!isMembers(value)) return 'it is not an object';
  const { record, lease } = value;
  const spec = memberOf(record, 'spec');
  return (
    wrongIn(value, STORED, '') ??
    (lease === undefined ? undefined : (wrongIn(lease, LEASE, 'lease.') ?? wrongIn(memberOf(lease, 'holder'), HOLDER, 'lease.holder.'))) ??
    (fits(record, RECORD) ? undefined : wrongIn(record, RECORD, 'record.')) ??
    (fits(spec, SPEC) ? undefined : wrongIn(spec, SPEC, 'record.spec.')) ??
    wrongResource(memberOf(record, 'resources'), RESOURCE) ??
    wrongInterval(memberOf(record, 'spent'))
  );
}

function wrongResource(resources: unknown, fields: Fields): string | undefined {
  if (!isMembers(resources)) return undefined;
  for (const key in resources) {
    const resource = resources[key];
    const status = isMembers(resource) ? resource['status'] : undefined;
    const own = (typeof status === 'string' ? BY_STATUS[status] : undefined) ?? {};
    if (fits(resource, fields) && fits(resource, own) && resource['key'] === key) continue;
    const path = `record.resources[${JSON.stringify(key)}].`;
    return wrongIn(resource, fields, path) ?? wrongIn(resource, own, path) ?? `${path}key is ${JSON.stringify(memberOf(resource, 'key'))}`;
  }
  return undefined;
}

function wrongInterval(spent: unknown): string | undefined {
  if (!Array.isArray(spent)) return undefined;
  const index = spent.findIndex((interval) => !fits(interval, INTERVAL));
  return index === -1 ? undefined : wrongIn(spent[index], INTERVAL, `record.spent[${index}].`);
}

function wrongIn(value: unknown, fields: Fields, path: string): string | undefined {
  if (!isMembers(value)) return `${path.slice(0, -1)} is not an object`;
  const name = Object.keys(fields).find((field) => fields[field]?.(value[field]) !== true);
  if (name === undefined) return undefined;
  return value[name] === undefined ? `${path}${name} is missing` : `${path}${name} is ${(JSON.stringify(value[name]) ?? '').slice(0, 60)}`;
}

/** As wrongIn without words, for the many that are right. */
function fits(value: unknown, fields: Fields): value is Members {
  if (!isMembers(value)) return false;
  for (const name in fields) if (fields[name]?.(value[name]) !== true) return false;
  return true;
}

function memberOf(value: unknown, name: string): unknown {
  return isMembers(value) ? value[name] : undefined;
}

/** True for an object that is no list. */
export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
