import { type Known, type NanoUsd, addMoney } from '../core/money.ts';
import type { Tags } from '../core/tags.ts';
import type { Interval, SpinRecord } from '../store/record.ts';
import type { LedgerEntry } from '../store/store.ts';
import { type Window, costOfIntervals, instanceMs, runningIntervals } from './intervals.ts';

/** What a cost report is grouped by; `tag:NAME` groups by the value of that tag. */
export type CostKey = 'spin' | 'owner' | 'service' | 'provider' | `tag:${string}`;

export interface CostRow {
  /** Value of the key: a spin ID, an owner, a tag's value; '(none)' where there is none. */
  readonly key: string;
  /** Spin IDs, however many lives each had. */
  readonly spins: number;
  /** Live ones among them. */
  readonly live: number;
  readonly spent: Known<NanoUsd>;
  /** Spent, plus what running on until the deadline will cost. */
  readonly projected: Known<NanoUsd>;
  /** Price per hour of what runs now. */
  readonly hourly: Known<NanoUsd>;
  /** Instance hours behind the amount. */
  readonly hours: number;
}

export interface CostReport {
  readonly by: CostKey;
  /** The dearest first, unknown ones before them. */
  readonly rows: readonly CostRow[];
  readonly total: CostRow;
}

export interface CostQuery {
  readonly by: CostKey;
  /** Only what was spent from here on, and up to `to`; milliseconds since the epoch. Projection always runs to each deadline. */
  readonly from?: number;
  readonly to?: number;
  readonly id?: string;
  readonly owner?: string;
  readonly tags?: Tags;
}

/** Prices the intervals of live records and of the ledger. Pure; `now` in milliseconds since the epoch. */
export function reportCost(records: readonly SpinRecord[], ledger: readonly LedgerEntry[], query: CostQuery, now: number): CostReport {
  const lives = livesOf(records, ledger, now).filter((life) => matches(life, query));
  const groups = new Map<string, Share[]>();
  for (const life of lives) {
    for (const share of sharesOf(life, query.by)) {
      const group = groups.get(share.key);
      if (group === undefined) groups.set(share.key, [share]);
      else group.push(share);
    }
  }
  const rows = [...groups]
    .map(([key, shares]) => rowOf(key, shares, query, now))
    // What no service is charged for (keepers, secrets) is a line only where it costs something.
    .filter((row) => query.by !== 'service' || row.key !== NONE || row.projected !== 0);
  return {
    by: query.by,
    rows: rows.toSorted(dearestFirst),
    total: rowOf(
      'total',
      lives.map((life) => ({ ...life, key: 'total' })),
      query,
      now,
    ),
  };
}

const NONE = '(none)';

/** One incarnation, live or released, as the report needs it. */
interface Life {
  readonly id: string;
  readonly owner: string;
  readonly provider: string;
  readonly tags: Tags;
  readonly from: number;
  readonly to: number;
  readonly live: boolean;
  readonly spent: readonly Interval[];
  /** What runs, from its request until now. */
  readonly running: readonly Interval[];
  /** What runs, from now until the deadline. */
  readonly ahead: readonly Interval[];
}

/** The part of a life that one row counts. */
interface Share extends Life {
  readonly key: string;
}

/** An incarnation in the ledger is gone, even where a crash left its record behind; it is counted once. */
function livesOf(records: readonly SpinRecord[], ledger: readonly LedgerEntry[], now: number): readonly Life[] {
  const settled = new Map(ledger.map((entry) => [entry.incarnation, entry]));
  return [
    ...[...settled.values()].map(pastLife),
    ...records.filter(({ incarnation }) => !settled.has(incarnation)).map((record) => lifeOf(record, now)),
  ];
}

function pastLife({ id, owner, provider, tags, createdAt, releasedAt, intervals }: LedgerEntry): Life {
  return { id, owner, provider, tags, from: createdAt, to: releasedAt, live: false, spent: intervals, running: [], ahead: [] };
}

function lifeOf(record: SpinRecord, now: number): Life {
  const { id, owner, provider, tags, createdAt, releasedAt, deadline, spent } = record;
  const known = { id, owner, provider, tags, from: createdAt, spent };
  if (releasedAt !== undefined) {
    return { ...known, spent: [...spent, ...runningIntervals(record, releasedAt)], to: releasedAt, live: false, running: [], ahead: [] };
  }
  return {
    ...known,
    to: Math.max(now, createdAt),
    live: true,
    running: runningIntervals(record, now),
    ahead: runningIntervals(record, Math.max(now, deadline)),
  };
}

function matches(life: Life, { id, owner, tags = {}, from = -Infinity, to = Infinity }: CostQuery): boolean {
  return (
    (id === undefined || life.id === id) &&
    (owner === undefined || life.owner === owner) &&
    Object.entries(tags).every(([name, value]) => tagOf(life, name) === value) &&
    life.to >= from &&
    life.from <= to
  );
}

function sharesOf(life: Life, by: CostKey): readonly Share[] {
  if (by !== 'service') return [{ ...life, key: keyOf(life, by) }];
  const services = new Set([...life.spent, ...life.running].map((interval) => interval.service));
  return [...services].map((service) => {
    const mine = (intervals: readonly Interval[]) => intervals.filter((interval) => interval.service === service);
    return { ...life, key: service ?? NONE, spent: mine(life.spent), running: mine(life.running), ahead: mine(life.ahead) };
  });
}

function keyOf(life: Life, by: Exclude<CostKey, 'service'>): string {
  switch (by) {
    case 'spin':
      return life.id;
    case 'owner':
      return life.owner === '' ? NONE : life.owner;
    case 'provider':
      return life.provider;
    default:
      return tagOf(life, by.slice('tag:'.length)) ?? NONE;
  }
}

/** A tag may be named as something that every object has. */
function tagOf({ tags }: Life, name: string): string | undefined {
  return Object.hasOwn(tags, name) ? tags[name] : undefined;
}

function rowOf(key: string, shares: readonly Share[], window: Window, now: number): CostRow {
  const past = shares.flatMap(({ spent, running }) => [...spent, ...running]);
  const ahead = shares.flatMap((share) => share.ahead);
  const spent = costOfIntervals(past, window);
  return {
    key,
    spins: new Set(shares.map(({ id }) => id)).size,
    live: new Set(shares.filter(({ live }) => live).map(({ id }) => id)).size,
    spent,
    projected: addMoney([spent, costOfIntervals(ahead, { from: now })]),
    hourly: addMoney(shares.flatMap(({ running }) => running.map((interval) => interval.hourly))),
    hours: instanceMs(past, window) / 3_600_000,
  };
}

function dearestFirst(a: CostRow, b: CostRow): number {
  return rank(b) - rank(a) || (a.key < b.key ? -1 : 1);
}

function rank({ spent }: CostRow): number {
  return spent === 'unknown' ? Number.MAX_VALUE : spent;
}
