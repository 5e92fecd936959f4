import { isoTime } from '../core/clock.ts';
import { SpinError } from '../core/errors.ts';
import { spinOf } from '../lifecycle/work.ts';
import type { LogLine } from '../providers/provider.ts';
import { didYouMean } from '../spec/problems.ts';
import type { SpinRecord } from '../store/record.ts';
import type { App } from './context.ts';
import { momentOf } from './durations.ts';
import { lookAt } from './look.ts';

export interface LogsRequest {
  readonly id?: string;
  readonly service?: string;
  readonly follow: boolean;
  /** A duration back from now, or a date. */
  readonly since?: string;
  readonly tail?: number;
}

/** A line as it is shown; `time` is ISO 8601, as everywhere in what spin prints. */
export type ShownLine = Omit<LogLine, 'time'> & { readonly time: string };

/** Log lines of a spin's instances in the order of time. @throws SpinError `spin-not-found`, `service-not-found`, `usage` */
export async function* logs(app: App, request: LogsRequest): AsyncGenerator<ShownLine> {
  const { stored, provider, call } = await lookAt(app, request.id);
  if (request.service !== undefined) knownService(stored.record, request.service);
  const since = request.since === undefined ? {} : { since: momentOf('--since', request.since, app.clock.now()) };
  const query = {
    follow: request.follow,
    ...since,
    ...(request.service === undefined ? {} : { service: request.service }),
    ...(request.tail === undefined ? {} : { tail: request.tail }),
  };
  for await (const line of provider.logs(spinOf(stored.record), query, call)) yield { ...line, time: isoTime(line.time) };
}

/** @throws SpinError `service-not-found`, with a suggestion */
export function knownService(record: SpinRecord, service: string): void {
  const known = Object.keys(record.spec.services);
  if (known.includes(service)) return;
  throw new SpinError('service-not-found', `${record.id} has no service ${JSON.stringify(service)}`, {
    hint: didYouMean(service, known) ?? (known.length === 0 ? `spin adopt ${record.id} -f FILE` : `it has ${known.join(', ')}`),
  });
}
