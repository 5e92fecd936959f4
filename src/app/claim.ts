import { formatDuration } from '../core/duration.ts';
import { InternalError, SpinError } from '../core/errors.ts';
import { makeIncarnation, makeTraceId, parseSpinId, type SpinId } from '../core/ids.ts';
import { Fault } from '../providers/fault.ts';
import type { Place, Provider } from '../providers/provider.ts';
import { showProblem } from '../spec/problems.ts';
import type { Spec } from '../spec/spec.ts';
import { RECORD_SCHEMA, type SpinRecord } from '../store/record.ts';
import type { Session } from '../store/session.ts';
import type { App } from './context.ts';
import { deadlineFor } from './deadline.ts';
import { takeDown } from './down.ts';
import { silent } from './emitter.ts';
import { loadRequest, type SpecRequest } from './spec-request.ts';
import { begin, notFound, takeLease, waiting } from './work-on.ts';

export interface Wanted {
  readonly id: SpinId;
  readonly spec: Spec;
  readonly specFile: string;
  readonly warnings: readonly string[];
}

/** What an `up` is to bring: the spec of its request, or the one in the record it resumes. @throws SpinError as loadRequest; `spin-not-found` */
export async function wantedBy(app: App, request: SpecRequest & { readonly resume?: string }): Promise<Wanted> {
  if (request.resume === undefined) {
    const { id, spec, file, warnings } = await loadRequest(app, request);
    return { id, spec, specFile: file, warnings: warnings.map((warning) => showProblem(warning)) };
  }
  const id = parseSpinId(request.resume);
  const stored = await app.store.read(id);
  if (stored === undefined || stored.record.releasedAt !== undefined) return notFound(app, id);
  return { id, spec: stored.record.spec, specFile: stored.record.specFile, warnings: [] };
}

/**
 * Takes the lease; what is expired or half taken down is first taken down to the end, so that one ID never means two lives.
 * @throws SpinError `lease-held`, `change-refused`, `release-failed`, `spec-invalid`, `limit-exceeded`, `preflight-failed`
 */
export async function claim(
  app: App,
  wanted: Wanted,
  provider: Provider,
  wait: string | true | undefined,
  timeout: AbortSignal | undefined,
): Promise<Session> {
  for (;;) {
    const began = app.clock.now();
    const known = await app.store.read(wanted.id);
    // Clearing an old life away is a `down`, from which no other `down` takes the lease.
    const clears = known !== undefined && isOver(app, known.record);
    // Who the caller is, and where, is settled before anything is written down.
    const place = known === undefined || known.record.releasedAt !== undefined || clears ? await locate(app, wanted, provider) : {};
    const session = await takeLease(app, {
      id: wanted.id,
      command: clears ? 'down' : 'up',
      take: 'claim',
      ...waiting(wait),
      ...(timeout === undefined ? {} : { timeout }),
      create: () => newRecord(app, wanted, place),
    });
    if (session === undefined) throw new InternalError('a lease with a record to create was not given');
    try {
      const { record } = session;
      if (isOver(app, record)) {
        const work = begin(app, session, await app.provider(record.provider), { command: 'down', began, data: { before: 'up' } }, timeout);
        await takeDown(app, work, true);
      } else if (!clears) {
        refuseMove(record, wanted, provider);
        return session;
      }
    } catch (thrown) {
      await session.close();
      throw thrown;
    }
    await session.close();
  }
}

/** @throws SpinError `preflight-failed` where it is the user's to mend, such as credentials; Fault */
async function locate(app: App, { spec }: Wanted, provider: Provider): Promise<Place> {
  try {
    return await provider.locate(spec, { clock: app.clock, signal: app.signal, emit: silent });
  } catch (thrown) {
    if (!(thrown instanceof Fault) || (thrown.kind !== 'denied' && thrown.kind !== 'invalid')) throw thrown;
    throw new SpinError('preflight-failed', thrown.message, {
      cause: thrown,
      data: { kind: thrown.kind, fault: thrown.note() },
      ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
    });
  }
}

/** An old life that is expired, or half taken down; a tombstone makes room by itself. */
function isOver(app: App, record: SpinRecord): boolean {
  return record.releasedAt === undefined && (record.desired === 'down' || app.clock.now() >= record.deadline);
}

function refuseMove(record: SpinRecord, wanted: Wanted, provider: Provider): void {
  if (record.provider === provider.name) return;
  throw new SpinError('change-refused', `${wanted.id} runs on ${record.provider}; the spec now says ${provider.name}`, {
    hint: `spin down ${wanted.id}, then spin up`,
  });
}

/** It lives from now on: the time that was spent waiting for another's lease is not taken from its TTL. */
function newRecord(app: App, wanted: Wanted, place: Place): SpinRecord {
  const { spec, id, specFile } = wanted;
  const now = app.clock.now();
  return {
    schema: RECORD_SCHEMA,
    id,
    incarnation: makeIncarnation(now),
    trace: makeTraceId(),
    provider: spec.provider,
    ...(Object.keys(place).length === 0 ? {} : { place }),
    owner: spec.owner,
    tags: spec.tags,
    spec,
    specFile,
    desired: 'up',
    createdAt: now,
    updatedAt: now,
    deadline: deadlineFor(app, spec, undefined),
    enforcers: [],
    resources: {},
    generations: {},
    spent: [],
  };
}

/** The record takes the wanted spec on. A deadline moves only when the TTL itself was changed. */
export function adopt(app: App, record: SpinRecord, wanted: Wanted, now: number): SpinRecord {
  const { spec, specFile } = wanted;
  const deadline = deadlineFor(app, spec, record);
  if (deadline <= now) {
    throw new SpinError(
      'change-refused',
      `the TTL of ${formatDuration(spec.ttlMs)} is over for ${record.id}, which is ${formatDuration(now - record.createdAt)} old`,
      {
        hint: `give a longer ttl, or: spin down ${record.id}`,
      },
    );
  }
  const { failure: _mended, ...rest } = record;
  return { ...rest, spec, specFile, owner: spec.owner, tags: spec.tags, desired: 'up', deadline, updatedAt: now };
}
