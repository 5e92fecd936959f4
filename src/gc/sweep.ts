import { isSpinError, messageOf } from '../core/errors.ts';
import type { Incarnation, SpinId } from '../core/ids.ts';
import type { Found } from '../providers/provider.ts';
import type { Verdict } from './verdict.ts';

/** What a sweep can do; each resolves when it is done and proven. */
export interface SweepActions {
  /** Takes this incarnation down; false where it was gone, or lived again, by the time that its lease was had. */
  release(id: SpinId, incarnation: Incarnation): Promise<boolean>;
  /** Forgets the record of this incarnation, which another state location owns; false as for release, or where it is ours again. */
  forget(id: SpinId, incarnation: Incarnation): Promise<boolean>;
  /** Deletes orphans; false where they were gone already. */
  reclaim(found: readonly Found[]): Promise<boolean>;
  /** Marks orphans for the next sweep, or takes the mark away. */
  mark(found: readonly Found[], orphan: boolean): Promise<void>;
  /** Judges one subject again by what is true now: right before a deletion, for a survey of thousands grows old while it is carried out. */
  recheck(verdict: Verdict): Promise<Verdict>;
}

/** What was done about one verdict. */
export interface SweepRow {
  readonly subject: string;
  readonly result: 'released' | 'forgotten' | 'reclaimed' | 'marked' | 'unmarked' | 'skipped' | 'failed';
  readonly detail: string;
}

export interface SweepOptions {
  /** How many subjects at a time; 16 unless told: most of the time goes by waiting for machines to end. */
  readonly concurrency?: number;
  /** Once aborted, nothing new is begun; what was not begun is `skipped`. */
  readonly signal?: AbortSignal;
}

/** Carries out every verdict that asks for something, in order. One failure never stops the others. Never throws: rows tell. */
export async function sweep(
  verdicts: readonly Verdict[],
  actions: SweepActions,
  { concurrency = 16, signal }: SweepOptions = {},
): Promise<readonly SweepRow[]> {
  const todo = verdicts.filter(asks);
  const rows: SweepRow[] = [];
  const queue = todo.entries();
  const worker = async (): Promise<void> => {
    // The workers share one iterator, so each entry is taken once.
    for (const [index, verdict] of queue)
      rows[index] = signal?.aborted === true ? skipped(verdict, 'interrupted') : await carryOut(verdict, actions);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, todo.length) }, worker));
  return rows;
}

function asks({ verdict }: Verdict): boolean {
  return verdict !== 'keep' && verdict !== 'wait' && verdict !== 'heal';
}

async function carryOut(verdict: Verdict, actions: SweepActions): Promise<SweepRow> {
  try {
    const now = await actions.recheck(verdict);
    if (now.verdict !== verdict.verdict || now.incarnation !== verdict.incarnation) return skipped(verdict, now.reason);
    return await act(now, actions);
  } catch (thrown) {
    // Another sweep, or a user's command, is at work on it: that one decides.
    if (isSpinError(thrown) && (thrown.code === 'lease-held' || thrown.code === 'lease-lost')) return skipped(verdict, messageOf(thrown));
    return { subject: verdict.subject, result: 'failed', detail: messageOf(thrown) };
  }
}

async function act(verdict: Verdict, actions: SweepActions): Promise<SweepRow> {
  const { subject, reason } = verdict;
  if (verdict.verdict === 'mark' || verdict.verdict === 'unmark') {
    await actions.mark(verdict.found, verdict.verdict === 'mark');
    return { subject, result: verdict.verdict === 'mark' ? 'marked' : 'unmarked', detail: reason };
  }
  if (verdict.verdict === 'reclaim') {
    return (await actions.reclaim(verdict.found)) ? { subject, result: 'reclaimed', detail: reason } : skipped(verdict, 'gone already');
  }
  const forgets = verdict.verdict === 'forget';
  const [id, incarnation] = [verdict.id as SpinId, verdict.incarnation as Incarnation];
  const done = forgets ? await actions.forget(id, incarnation) : await actions.release(id, incarnation);
  return done ? { subject, result: forgets ? 'forgotten' : 'released', detail: reason } : skipped(verdict, 'gone already, or live again');
}

function skipped({ subject }: Verdict, detail: string): SweepRow {
  return { subject, result: 'skipped', detail };
}
