import { assertNever } from '../core/errors.ts';
import type { Observation } from '../providers/provider.ts';
import type { ResourceRecord } from '../store/record.ts';

/** What a record and an observation say together about one resource. */
export interface Assessment {
  /**
   * - `sound`: ready, and the provider agrees.
   * - `resume`: the creating call is to be sent again with the same token, then waited for.
   * - `lost`: it was ready and is gone, or it failed: a new generation must take its place.
   * - `leaving`: its release was asked for and is to be finished.
   */
  readonly is: 'sound' | 'resume' | 'lost' | 'leaving';
  readonly reason: string;
}

/** Kinds that stand for settings rather than for a machine or data: making them again needs no new generation. */
const REMADE_IN_PLACE: ReadonlySet<string> = new Set(['keeper', 'route', 'registration', 'firewall']);

/** Judges one resource. Pure. */
export function assess(resource: ResourceRecord, seen: Observation): Assessment {
  switch (resource.status) {
    case 'creating':
    case 'booting':
      return seen.failure === undefined
        ? { is: 'resume', reason: 'was not finished' }
        : { is: 'lost', reason: `failed: ${seen.failure.class}` };
    case 'ready':
      return assessReady(resource, seen);
    case 'failed':
      // Nothing was made yet, or nothing that a second try could find in its way: the same request can be sent again. A machine that was made
      // and failed is replaced.
      return resource.at === 'creating' || (REMADE_IN_PLACE.has(resource.kind) && seen.failure === undefined)
        ? { is: 'resume', reason: `failed before: ${resource.fault.class}` }
        : { is: 'lost', reason: `failed before: ${resource.fault.class}` };
    case 'releasing':
    case 'released':
      return { is: 'leaving', reason: 'its release was not finished' };
    default:
      return assertNever(resource, 'status of a resource');
  }
}

function assessReady(resource: ResourceRecord, seen: Observation): Assessment {
  if (seen.failure !== undefined) return { is: 'lost', reason: `failed: ${seen.failure.class}` };
  switch (seen.state) {
    case 'running':
      return { is: 'sound', reason: 'ready' };
    case 'pending':
    case 'unknown':
      return { is: 'resume', reason: seen.reason };
    case 'absent':
      return REMADE_IN_PLACE.has(resource.kind) ? { is: 'resume', reason: seen.reason } : { is: 'lost', reason: seen.reason };
    case 'stopping':
      return { is: 'lost', reason: seen.reason };
    default:
      return assertNever(seen.state, 'state of an observation');
  }
}
