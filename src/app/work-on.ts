import { messageOf, SpinError } from '../core/errors.ts';
import type { SpinId } from '../core/ids.ts';
import type { Provider } from '../providers/provider.ts';
import { spinOf, type Work } from '../lifecycle/work.ts';
import type { SpinRecord } from '../store/record.ts';
import { openSession, type Session } from '../store/session.ts';
import type { App } from './context.ts';
import { durationOf } from './durations.ts';
import { emitterFor } from './emitter.ts';

export interface TakeLease {
  readonly id: SpinId;
  readonly command: string;
  /** `preempt` takes the lease from a live holder: `down` wins over `up`. */
  readonly take: 'claim' | 'preempt';
  readonly waitMs?: number;
  /** Ends the wait, with its reason. */
  readonly timeout?: AbortSignal;
  /** What changes with the write that takes the lease, of a record that is there and not released. */
  readonly change?: (record: SpinRecord, now: number) => SpinRecord;
  readonly create?: () => SpinRecord;
}

/** Takes the lease on a spin; undefined where there is no record and none is to be made. @throws SpinError `lease-held` */
export function takeLease(app: App, lease: TakeLease): Promise<Session | undefined> {
  return openSession({
    store: app.store,
    id: lease.id,
    holder: app.holder(lease.command),
    clock: app.clock,
    alive: app.alive,
    take: lease.take,
    signal: lease.timeout === undefined ? app.signal : AbortSignal.any([app.signal, lease.timeout]),
    ...(lease.waitMs === undefined ? {} : { waitMs: lease.waitMs }),
    ...(lease.change === undefined ? {} : { change: lease.change }),
    ...(lease.create === undefined ? {} : { create: lease.create }),
  });
}

/** The work of one command under its lease; it stops when the user interrupts, the lease is lost, or `deadline` aborts. */
export function workOn(app: App, session: Session, provider: Provider, deadline?: AbortSignal): Work {
  const interrupted = deadline === undefined ? app.signal : AbortSignal.any([app.signal, deadline]);
  return {
    session,
    provider,
    interrupted,
    get stateTag() {
      return app.stateTag;
    },
    call: { clock: app.clock, signal: AbortSignal.any([interrupted, session.lost]), emit: emitterFor(app, spinOf(session.record)) },
  };
}

/** What a command is, as its first event tells. */
export interface Asked {
  readonly command: 'up' | 'down' | 'gc';
  /** When it was asked for: what it read, and the lease that it waited for, are part of how long it took. */
  readonly began: number;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Begins a command's work: the journal tells who asked, and under which fencing number. */
export function begin(app: App, session: Session, provider: Provider, asked: Asked, deadline?: AbortSignal): Work {
  const work = workOn(app, session, provider, deadline);
  const { command, began, data } = asked;
  const phase = command === 'up' ? 'plan' : 'drain';
  work.call.emit({ type: 'spin.requested', phase, ms: app.clock.now() - began, data: { command, ...data } });
  work.call.emit({ type: 'lease.acquired', phase, data: { fence: session.fence } });
  session.lost.addEventListener('abort', () => work.call.emit({ type: 'lease.lost', phase, message: messageOf(session.lost.reason) }), {
    once: true,
  });
  return work;
}

/** What `--wait` asks of a lease. @throws SpinError `usage` */
export function waiting(wait: string | true | undefined): { readonly waitMs?: number } {
  if (wait === undefined) return {};
  return { waitMs: wait === true ? Number.MAX_SAFE_INTEGER : durationOf('--wait', wait) };
}

/** @throws SpinError `spin-not-found`, with the nearest spin IDs as a hint */
export async function notFound(app: App, id: SpinId): Promise<never> {
  const { records } = await app.store.list();
  const near = records.map((stored) => stored.record.id).filter((other) => other.includes(id) || id.includes(other));
  throw new SpinError('spin-not-found', `there is no spin ${id}`, {
    data: { id },
    ...(near.length === 0 ? {} : { hint: `did you mean ${near.slice(0, 3).join(', ')}? (spin ls)` }),
  });
}
