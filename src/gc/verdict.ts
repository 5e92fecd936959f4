import { isoTime } from '../core/clock.ts';
import { formatDuration } from '../core/duration.ts';
import { incarnationTime } from '../core/ids.ts';
import { KEEP_TAG, keepUntil, OWNED } from '../core/tags.ts';
import type { Found, Place } from '../providers/provider.ts';
import type { SpinRecord } from '../store/record.ts';
import type { StoredRecord } from '../store/store.ts';

/** What a sweep decides about one spin, or about the things of one incarnation that no live record owns. */
export interface Verdict {
  /** Spin ID; `ID/INCARNATION` for orphans. Unique among the verdicts of a survey. */
  readonly subject: string;
  readonly id: string;
  /** '' where the record cannot be read. */
  readonly incarnation: string;
  /**
   * - `keep`: nothing to do; the reason says why.
   * - `release`: take the spin down (expired, its `down` broke off, its first `up` died, or nothing of it runs any more).
   * - `forget`: another state location has taken the spin over: its record goes, and nothing else.
   * - `reclaim`: delete an orphan: ours by its tags, no live record, older than the grace.
   * - `mark`: an orphan that no sweep has seen before, at a provider that can mark: marked now, judged again by the next sweep.
   * - `unmark`: marked as an orphan, and a live record owns it after all.
   * - `wait`: would be deleted but is younger than the grace, or was marked only just now.
   * - `heal`: nothing is deleted, `spin up` would mend it (its keeper died).
   */
  readonly verdict: 'keep' | 'release' | 'forget' | 'reclaim' | 'mark' | 'unmark' | 'wait' | 'heal';
  /** One line: `expired 12m ago`, `no record, 3h old`. */
  readonly reason: string;
  readonly found: readonly Found[];
}

/** What a sweep goes by. */
export interface GcPolicy {
  readonly graceMs: number;
  /** Blast radius: more `release` and `reclaim` verdicts than this number, or than this share of all spins and orphan groups, stop the sweep. */
  readonly maxSpins: number;
  readonly maxPercent: number;
}

/** A mark must be at least this old before what carries it is deleted, so that two sweeps at once count as one. */
const MARK_AGE_MS = 60_000;

/** A place at a provider. */
export interface Where {
  readonly provider: string;
  readonly place: Place;
}

export interface Survey {
  /** Listed before the records, so that a spin made meanwhile is in the records and not taken for an orphan. */
  readonly found: readonly Found[];
  /** What other state locations own of lives that have a record here; asked for only where a spin would be released. */
  readonly foreign?: readonly Found[];
  readonly records: readonly StoredRecord[];
  /** IDs whose record could not be read: nothing of theirs is ever touched. */
  readonly unreadable: readonly string[];
  /** Providers whose inventory could not be had: nothing is concluded from what was not found there. */
  readonly unlisted?: readonly string[];
  /** Places of spins that were looked into: nothing is concluded from what was not found of a spin that lives elsewhere. */
  readonly listed?: readonly Where[];
  /** Places of spins in accounts that the credentials are not of: whoever has those judges them. */
  readonly outOfReach?: readonly Where[];
  /** Kinds of things that a provider could not be asked for: nothing is concluded from there being none. */
  readonly unseen?: readonly { readonly provider: string; readonly kind: Found['kind'] }[];
  /** Whether the holder of a lease lives; `unknown` on another machine. */
  readonly holderAlive: (stored: StoredRecord) => boolean | 'unknown';
  readonly now: number;
}

/**
 * Judges everything. Pure: the same survey gives the same verdicts, sorted by subject, and `--dry-run` prints them.
 * Tombstones have no verdict: the store prunes them.
 */
export function judge(survey: Survey, policy: GcPolicy): readonly Verdict[] {
  const groups = Map.groupBy(survey.found, ({ id, incarnation }) => `${id}/${incarnation}`);
  const foundById = Map.groupBy(survey.found, ({ id }) => String(id));
  const stored = new Map(survey.records.map((each) => [String(each.record.id), each]));
  const unreadable = new Set(survey.unreadable);
  const live = survey.records.filter(({ record }) => record.releasedAt === undefined && !unreadable.has(record.id));
  const owned = new Set(live.map(({ record }) => `${record.id}/${record.incarnation}`));
  const verdicts = [
    ...[...unreadable].map((id) => judgeUnreadable(id, foundById.get(id) ?? [])),
    ...live.map((each) => judgeRecord(each, groups.get(`${each.record.id}/${each.record.incarnation}`) ?? [], survey, policy)),
    ...[...groups].flatMap(([subject, [first, ...others]]) =>
      first === undefined || owned.has(subject) || unreadable.has(first.id)
        ? []
        : [judgeOrphan(subject, [first, ...others], stored.get(first.id), survey, policy)],
    ),
  ];
  return verdicts.toSorted((a, b) => (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0));
}

type Ruling = Pick<Verdict, 'verdict' | 'reason'>;

function judgeUnreadable(id: string, found: readonly Found[]): Verdict {
  return {
    subject: id,
    id,
    incarnation: '',
    verdict: 'keep',
    reason: 'its record cannot be read: nothing of it is touched',
    found: sorted(found),
  };
}

function judgeRecord(stored: StoredRecord, found: readonly Found[], survey: Survey, { graceMs }: GcPolicy): Verdict {
  const { id, incarnation } = stored.record;
  const ruling =
    busy(stored, survey) ??
    taken(stored.record, found, survey) ??
    kept(stored.record, survey.now) ??
    abroad(stored.record, survey) ??
    due(stored.record, survey.now) ??
    lifeless(stored, found, survey, graceMs) ??
    (found.some((thing) => thing.orphanSince !== undefined) ? OWNED_AFTER_ALL : undefined);
  return {
    subject: id,
    id,
    incarnation,
    ...(ruling ?? { verdict: 'keep', reason: `${left(stored.record, survey.now)} left` }),
    found: sorted(found),
  };
}

const OWNED_AFTER_ALL: Ruling = { verdict: 'unmark', reason: 'was marked as an orphan, and has a record' };

/** Somebody works on the spin: its record is about to change. */
function busy(stored: StoredRecord, survey: Survey): Ruling | undefined {
  const { lease } = stored;
  if (lease === undefined || lease.expiresAt <= survey.now || survey.holderAlive(stored) === false) return undefined;
  const { command, user, host, pid } = lease.holder;
  return { verdict: 'keep', reason: `busy: ${command} by ${user} on ${host} (pid ${pid})` };
}

/** An adopt in another state location gives all things of a spin its tag, one after the other: until the last, both have some. */
function taken({ id, incarnation }: SpinRecord, found: readonly Found[], { foreign = [] }: Survey): Ruling | undefined {
  const theirs = foreign.find((thing) => thing.id === id && thing.incarnation === incarnation);
  if (theirs === undefined) return undefined;
  const who = `another state location (${theirs.tags?.[OWNED.state] ?? 'unknown'})`;
  if (found.length === 0) return { verdict: 'forget', reason: `${who} owns it: its record here is forgotten, nothing of it is touched` };
  return { verdict: 'keep', reason: `${who} owns a part of it: spin adopt ${id}, where it is to be, takes the rest over` };
}

/** The `keep` tag, in date or misspelt: a typo must not delete what someone asked to keep. */
function kept({ tags }: SpinRecord, now: number): Ruling | undefined {
  const value = tags[KEEP_TAG];
  if (value === undefined) return undefined;
  const until = keepUntil(value);
  if (until === undefined)
    return { verdict: 'keep', reason: `its tag keep=${JSON.stringify(value)} is not a date (YYYY-MM-DD): kept until that is put right` };
  return until > now ? { verdict: 'keep', reason: `kept until the end of ${value} by its keep tag` } : undefined;
}

function abroad({ provider, place }: SpinRecord, { outOfReach = [] }: Survey): Ruling | undefined {
  if (place === undefined || !outOfReach.some((where) => isAt(where, provider, place))) return undefined;
  return { verdict: 'keep', reason: `lives in account ${place.account}, which the credentials do not reach: not judged` };
}

/** True where somebody looked for what the record speaks of; a provider without places has but one. */
function lookedFor({ provider, place }: SpinRecord, { unlisted = [], listed = [] }: Survey): boolean {
  return !unlisted.includes(provider) && (place === undefined || listed.some((where) => isAt(where, provider, place)));
}

function isAt(where: Where, provider: string, { account, region }: Place): boolean {
  return where.provider === provider && where.place.account === account && where.place.region === region;
}

function due({ deadline, desired }: SpinRecord, now: number): Ruling | undefined {
  if (deadline <= now) return { verdict: 'release', reason: `expired ${formatDuration(now - deadline)} ago` };
  if (desired === 'down') return { verdict: 'release', reason: 'its down broke off before everything was proven gone' };
  return undefined;
}

/** What can be wrong with a spin that is wanted, in date and left alone. */
function lifeless(stored: StoredRecord, found: readonly Found[], survey: Survey, graceMs: number): Ruling | undefined {
  const { record } = stored;
  if (record.failure !== undefined) return { verdict: 'keep', reason: `failed, kept for a look until ${isoTime(record.deadline)}` };
  const quiet = survey.now - lastSign(stored, survey);
  if (record.readyAt === undefined) return after(graceMs, quiet, 'its up died before it was ready');
  if (!lookedFor(record, survey)) return undefined;
  const hasKeeper = Object.values(record.resources).some(({ kind, status }) => kind === 'keeper' && status !== 'released');
  if (hasKeeper && survey.unseen?.some(({ provider, kind }) => provider === record.provider && kind === 'keeper') === true)
    return undefined;
  if (!found.some(runs)) return after(graceMs, quiet, 'nothing of it runs any more');
  if (hasKeeper && !found.some(({ kind }) => kind === 'keeper')) return { verdict: 'heal', reason: 'its keeper died: spin up heals it' };
  return undefined;
}

function judgeOrphan(
  subject: string,
  found: readonly Found[],
  stored: StoredRecord | undefined,
  survey: Survey,
  { graceMs }: GcPolicy,
): Verdict {
  const id = found[0]?.id ?? '';
  const incarnation = found[0]?.incarnation ?? '';
  const ruling =
    (stored && (busy(stored, survey) ?? kept(stored.record, survey.now))) ?? orphaned(found, stored?.record, survey.now, graceMs);
  return { subject, id, incarnation, ...ruling, found: sorted(found) };
}

function orphaned(found: readonly Found[], record: SpinRecord | undefined, now: number, graceMs: number): Ruling {
  const why =
    record === undefined
      ? 'no record'
      : record.incarnation === found[0]?.incarnation
        ? 'left over after its release'
        : 'left over from another incarnation';
  const age = now - bornAt(found);
  if (Number.isNaN(age)) return { verdict: 'wait', reason: `${why}, of unknown age` };
  if (age < graceMs) return { verdict: 'wait', reason: `${why}, ${ago(age)} old: waits until ${formatDuration(graceMs)} old` };
  return marked(found, `${why}, ${ago(age)} old`, now, graceMs);
}

/** Where a provider can mark, nothing is deleted by the sweep that first sees it; a grace of nothing asks for no second look. */
function marked(found: readonly Found[], why: string, now: number, graceMs: number): Ruling {
  if (graceMs === 0 || found.every((thing) => thing.marks !== true)) return { verdict: 'reclaim', reason: why };
  const times = found.filter((thing) => thing.marks === true).map((thing) => thing.orphanSince ?? Infinity);
  const since = Math.max(...times);
  const least = Math.min(graceMs, MARK_AGE_MS);
  const later = (ms: number): string => `deleted by a sweep in ${formatDuration(ms)} or later`;
  if (since === Infinity) return { verdict: 'mark', reason: `${why}: marked first, ${later(least)}` };
  if (now - since < least) return { verdict: 'wait', reason: `${why}: marked only ${ago(now - since)} ago, ${later(since + least - now)}` };
  return { verdict: 'reclaim', reason: `${why}, marked ${ago(now - since)} ago` };
}

/**
 * The youngest thing of a group tells its age: it may be of a creating call that has only just been answered.
 * Not everything knows when it was made; where nothing does, the incarnation knows when it began, as otherwise
 * such a group would be too young for ever. NaN where even that cannot be read.
 */
function bornAt(found: readonly Found[]): number {
  const times = found.flatMap(({ createdAt }) => (createdAt === undefined ? [] : [createdAt]));
  const [first] = found;
  return times.length > 0 || first === undefined ? Math.max(...times) : incarnationTime(first.incarnation);
}

/** Release once it has been quiet for the grace; until then the next step of a command may only just be due. */
function after(graceMs: number, quietMs: number, reason: string): Ruling {
  if (quietMs >= graceMs) return { verdict: 'release', reason };
  return { verdict: 'wait', reason: `${reason}: waits until quiet for ${formatDuration(graceMs)}` };
}

/** When somebody was last seen at work on the spin. */
function lastSign(stored: StoredRecord, survey: Survey): number {
  const { record, lease } = stored;
  // A lease that ran out was renewed until shortly before; a holder known dead may have died long before its lease runs out.
  const renewed = lease === undefined || survey.holderAlive(stored) === false ? 0 : Math.min(lease.expiresAt, survey.now);
  return Math.max(record.createdAt, record.updatedAt, lease?.acquiredAt ?? 0, renewed);
}

/** A folder, a volume or a route's rule outlives what ran; it is no sign of life. */
export function runs({ kind }: Found): boolean {
  return kind === 'keeper' || kind === 'service' || kind === 'process';
}

function left({ deadline }: SpinRecord, now: number): string {
  return formatDuration(deadline - now);
}

function ago(ms: number): string {
  return formatDuration(Math.max(0, ms));
}

function sorted(found: readonly Found[]): readonly Found[] {
  return found.toSorted((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0));
}

function order({ resource, kind, what }: Found): string {
  return `${resource}\n${kind}\n${what}`;
}

/**
 * Why the verdicts must not be carried out, or undefined. A record that is forgotten counts as what is deleted does: whose state is not
 * what it was must not forget all that it had. Small sweeps (5 or fewer) are exempt from the percentage.
 */
export function blastRadius(verdicts: readonly Verdict[], policy: GcPolicy): string | undefined {
  const deletions = verdicts.filter(({ verdict }) => deletes(verdict)).length;
  const would = `would delete ${deletions} of ${verdicts.length} spins and orphan groups`;
  if (deletions > policy.maxSpins) return `${would}; the limit is ${policy.maxSpins}`;
  const percent = (deletions / verdicts.length) * 100;
  if (deletions > 5 && percent > policy.maxPercent) return `${would} (${Math.floor(percent)}%); the limit is ${policy.maxPercent}%`;
  return undefined;
}

/** True where a verdict takes something away for good. */
export function deletes(verdict: Verdict['verdict']): boolean {
  return verdict === 'release' || verdict === 'reclaim' || verdict === 'forget';
}
