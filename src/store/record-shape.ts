import { isIncarnation, isSpinId } from '../core/ids.ts';
import { RESOURCE_KINDS } from '../plan/plan.ts';
import type { Endpoint, Enforcer, Place, Run } from '../providers/provider.ts';
import { type Interval, type RecordOutline, type ResourceRecord, type SpinRecord, STATUSES } from './record.ts';
import {
  type Check,
  count,
  faultNote,
  type Fields,
  fits,
  flag,
  instances,
  isMembers,
  listOf,
  mapOf,
  maybe,
  memberOf,
  number,
  oneOf,
  price,
  shaped,
  text,
  time,
  wrongIn,
} from './shape.ts';
import { desire, SPEC } from './spec-shape.ts';
import type { Holder, Lease, StoredRecord } from './store.ts';

const endpoint: Check = shaped({
  service: text,
  via: oneOf(['instance', 'route']),
  host: text,
  port: number,
  url: maybe(text),
} satisfies Fields<keyof Endpoint>);
const enforcer: Check = shaped({ name: text, armed: flag, detail: text, optional: maybe(flag) } satisfies Fields<keyof Enforcer>);
const place: Check = shaped({ account: maybe(text), region: maybe(text) } satisfies Fields<keyof Place>);

const run: Check = shaped({ machine: text, from: time, to: maybe(time) } satisfies Fields<keyof Run>);

const STORED: Fields<'fence' | 'record'> = { fence: count, record: isMembers };
const LEASE: Fields<keyof Lease> = { holder: isMembers, fence: count, acquiredAt: time, expiresAt: time };
const HOLDER: Fields<keyof Holder> = { host: text, pid: count, startTime: text, user: text, command: text };
const RECORD: Fields<Exclude<keyof SpinRecord, 'schema'>> = {
  id: (value) => typeof value === 'string' && isSpinId(value),
  // It becomes the name of a file.
  incarnation: (value) => typeof value === 'string' && isIncarnation(value),
  trace: text,
  provider: text,
  place: maybe(place),
  owner: text,
  tags: mapOf(text),
  spec: isMembers,
  specFile: text,
  desired: oneOf(['up', 'down']),
  createdAt: time,
  updatedAt: time,
  deadline: time,
  readyAt: maybe(time),
  releasedAt: maybe(time),
  failure: maybe(faultNote),
  enforcers: listOf(enforcer),
  resources: isMembers,
  generations: mapOf(count),
  spent: isList,
};
const RESOURCE: Fields<keyof ResourceRecord | 'handle'> = {
  key: text,
  address: text,
  kind: oneOf(RESOURCE_KINDS),
  generation: count,
  token: text,
  count: instances,
  attempt: maybe(count),
  digest: text,
  desire,
  strategy: oneOf(['rolling', 'recreate', 'refuse']),
  needs: listOf(text),
  bound: text,
  hourly: price,
  requestedAt: time,
  askedAt: maybe(time),
  runs: maybe(listOf(run)),
  since: time,
  status: oneOf(STATUSES),
  handle: maybe(isMembers),
};
const BY_STATUS: Readonly<Record<string, Fields>> = {
  booting: { handle: isMembers },
  ready: { handle: isMembers, endpoints: listOf(endpoint), readyAt: time },
  failed: { at: oneOf(['creating', 'booting', 'ready']), fault: faultNote },
  releasing: { fault: maybe(faultNote) },
};
/** What an outline leaves out. */
const { spec: _spec, ...OUTLINE } = RECORD;
const { desire: _desire, ...RESOURCE_OUTLINE } = RESOURCE;
const INTERVAL: Fields<keyof Interval> = {
  resource: text,
  service: maybe(text),
  instances: maybe(count),
  from: time,
  to: time,
  hourly: price,
};

/** A span of time that was paid for. */
export const interval: Check = shaped(INTERVAL);

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
    circle(memberOf(record, 'resources')) ??
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

/** Whoever waits for what it stands on would wait for itself. */
function circle(resources: unknown): string | undefined {
  if (!isMembers(resources)) return undefined;
  const left = new Map(Object.entries(resources).map(([key, one]) => [key, memberOf(one, 'needs') as readonly string[]]));
  for (let before = -1; left.size !== before;) {
    before = left.size;
    for (const [key, needs] of left) if (!needs.some((need) => left.has(need))) left.delete(key);
  }
  const [key] = left.keys();
  return key === undefined ? undefined : `record.resources[${JSON.stringify(key)}].needs lead back to where they began`;
}

function wrongInterval(spent: unknown): string | undefined {
  if (!Array.isArray(spent)) return undefined;
  const index = spent.findIndex((interval) => !fits(interval, INTERVAL));
  return index === -1 ? undefined : wrongIn(spent[index], INTERVAL, `record.spent[${index}].`);
}

function isList(value: unknown): boolean {
  return Array.isArray(value);
}
