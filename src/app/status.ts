import { isoTime } from '../core/clock.ts';
import { survey } from '../lifecycle/survey.ts';
import { spinOf } from '../lifecycle/work.ts';
import type { InstanceObservation, Observation } from '../providers/provider.ts';
import type { ResourceRecord } from '../store/record.ts';
import type { Lease } from '../store/store.ts';
import { foldTimings, lastCommand } from '../telemetry/timings.ts';
import type { App } from './context.ts';
import { lookAt } from './look.ts';
import type { InstanceStatus, ResourceStatus, StatusOutcome } from './outcomes.ts';
import { summarize } from './summary.ts';
import { endpointsOf } from './up-outcome.ts';

/** What a spin is, by its record and by what the provider says now. Changes nothing. @throws SpinError `spin-not-found` */
export async function status(app: App, request: { readonly id?: string }): Promise<StatusOutcome> {
  const { stored, provider, call } = await lookAt(app, request.id);
  const { record, lease } = stored;
  const now = app.clock.now();
  const { resources, observations, assessments } = await survey({ provider, call }, record);
  const summary = summarize(record, now);
  const sound = [...assessments.values()].every((assessment) => assessment.is === 'sound');
  return {
    ...summary,
    // The record may not know yet what the provider sees.
    state: summary.state === 'up' && !sound ? 'degraded' : summary.state,
    incarnation: record.incarnation,
    specFile: record.specFile,
    endpoints: endpointsOf(record),
    resources: resources.map((resource) => statusOf(resource, observations.get(resource.key))),
    enforcers: await provider.enforcers(spinOf(record), call),
    timings: foldTimings(lastCommand(await app.store.events(record.id, record.incarnation))),
    ...(record.failure === undefined ? {} : { failure: record.failure }),
    ...(lease === undefined || lease.expiresAt <= now || app.alive(lease.holder) === false ? {} : { leaseHolder: describe(lease) }),
  };
}

function statusOf(resource: ResourceRecord, seen: Observation | undefined): ResourceStatus {
  const fault = seen?.failure ?? (resource.status === 'failed' ? resource.fault : undefined);
  return {
    key: resource.key,
    address: resource.address,
    kind: resource.kind,
    status: resource.status,
    observed: seen?.state ?? 'unknown',
    reason: seen?.reason ?? 'not observed',
    since: isoTime(resource.since),
    hourly: resource.hourly,
    instances: (seen?.instances ?? []).map(instanceOf),
    ...(fault === undefined ? {} : { fault }),
  };
}

function instanceOf({ startedAt, healthyAt, ...rest }: InstanceObservation): InstanceStatus {
  return {
    ...rest,
    ...(startedAt === undefined ? {} : { startedAt: isoTime(startedAt) }),
    ...(healthyAt === undefined ? {} : { healthyAt: isoTime(healthyAt) }),
  };
}

function describe({ holder, acquiredAt }: Lease): string {
  return `spin ${holder.command} by ${holder.user} on ${holder.host} (process ${holder.pid}) since ${isoTime(acquiredAt)}`;
}
