import type { Client, Command, MetadataBearer } from '@smithy/types';
import { jitter } from '../../../core/clock.ts';
import { messageOf } from '../../../core/errors.ts';
import { Fault } from '../../fault.ts';
import type { Call } from '../../provider.ts';
import { type Asked, statusOf, toFault } from '../faults.ts';
import type { Buckets } from './buckets.ts';
import type { Toll } from './rates.ts';
import { countTraffic } from './traffic.ts';
import { unquoted } from './unquoted.ts';

/** A request that stands for several tries gives up after so many, or so late; the engine goes on from there. */
const MAX_TRIES = 5;
const MAX_MS = 20_000;
/** The pause before the second try is a random part of this, before the third of twice as much, and so on. Milliseconds. */
const PAUSES: Readonly<Record<'throttled' | 'transient', number>> = { throttled: 1_000, transient: 200 };
const MAX_PAUSE_MS = 5_000;
/** A wait for the buckets is told from here on. Milliseconds. */
const TOLD_MS = 500;

/** What goes with a request beside itself. */
export interface Passage {
  readonly buckets: Buckets;
  /** Account and region, as the buckets keep them apart. */
  readonly scope: string;
  readonly tolls: readonly Toll[];
  readonly asked: Asked;
  /** Fails unless its bucket is full. */
  readonly ifIdle: boolean;
  /** A value in the request that nothing that is told of it may hold. */
  readonly secret?: string | undefined;
}

/**
 * Sends a command when its buckets let it pass, and again where AWS throttles or stumbles.
 * @throws Fault; the call's abort reason
 */
export async function send<AnyIn extends object, AnyOut extends MetadataBearer, Config, In extends AnyIn, Out extends AnyOut>(
  client: Client<AnyIn, AnyOut, Config>,
  command: Command<AnyIn, In, AnyOut, Out, Config>,
  { buckets, scope, tolls, asked, ifIdle, secret }: Passage,
  call: Call,
): Promise<Out> {
  const began = call.clock.now();
  for (let tries = 1; ; tries++) {
    if (ifIdle && !buckets.isFull(scope, tolls, call.clock.now())) {
      throw new Fault(
        'throttled',
        'busy',
        `${asked.action} is left out: it was asked for a moment ago, and its next turns are for what cannot wait`,
      );
    }
    await buckets.pass(scope, tolls, call, (ms) => {
      if (ms < TOLD_MS) return;
      call.emit({ type: 'cloud.paced', ms, data: { action: asked.action } });
    });
    countTraffic(asked.action, 'requests');
    if (tries > 1) countTraffic(asked.action, 'retries');
    try {
      return await client.send(command, { abortSignal: call.signal });
    } catch (thrown) {
      if (call.signal.aborted) throw call.signal.reason;
      const whole = faultOf(thrown, asked);
      const fault = secret === undefined ? whole : unquoted(whole, secret);
      if (fault.kind === 'throttled') buckets.throttled(scope, tolls, call.clock.now());
      if (fault.kind === 'throttled' || isRefusal(statusOf(thrown))) {
        countTraffic(asked.action, 'throttled');
        call.emit({ type: 'cloud.throttled', fault: fault.note(), data: { action: asked.action } });
      }
      const pause = pauseAfter(fault, thrown, tries);
      if (pause === undefined || tries >= MAX_TRIES || call.clock.now() + pause - began > MAX_MS) throw fault;
      await call.clock.sleep(pause, call.signal);
    }
  }
}

function faultOf(thrown: unknown, asked: Asked): Fault {
  if (!(thrown instanceof Fault)) return toFault(thrown, asked);
  return new Fault(thrown.kind, thrown.class, `${asked.action}: ${messageOf(thrown)}`, { cause: thrown });
}

function isRefusal(status: number | undefined): boolean {
  return status === 429 || status === 503;
}

/** How long to wait before the next try, in milliseconds; undefined where another try would be answered the same. */
function pauseAfter(fault: Fault, thrown: unknown, tries: number): number | undefined {
  // The clock of this machine is wrong, and the SDK has just learnt by how much.
  if (tries === 1 && isSkewCorrected(thrown)) return 0;
  if (fault.kind !== 'throttled' && fault.kind !== 'transient') return undefined;
  return jitter(Math.min(MAX_PAUSE_MS, PAUSES[fault.kind] * 2 ** (tries - 1)));
}

function isSkewCorrected(thrown: unknown): boolean {
  if (typeof thrown !== 'object' || thrown === null || !('$metadata' in thrown)) return false;
  const metadata = thrown.$metadata;
  return typeof metadata === 'object' && metadata !== null && 'clockSkewCorrected' in metadata && metadata.clockSkewCorrected === true;
}
