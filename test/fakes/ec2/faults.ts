import type { Call } from './calls.ts';
import { Refusal } from './protocol/refusal.ts';

/** What may go wrong with a call. */
export type Fault =
  /** The socket is destroyed before anything has happened. */
  | { readonly kind: 'lose-request' }
  /** The socket is destroyed after everything has happened. */
  | { readonly kind: 'lose-response' }
  /** The call stands still before, or after, its effect, until it is released or the client has gone. */
  | { readonly kind: 'hold-request' }
  | { readonly kind: 'hold-response' }
  /** The effect comes at once, the answer after `ms` of the double's clock. */
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'throttle' }
  | { readonly kind: 'internal' }
  | { readonly kind: 'unavailable' }
  | { readonly kind: 'denied' }
  | { readonly kind: 'dependency' }
  /** Status 500 and a page, as from an emulator that lacks the call. */
  | { readonly kind: 'html' }
  | { readonly kind: 'error'; readonly status: number; readonly code: string; readonly message: string };

type Bare = Exclude<Fault['kind'], 'delay' | 'error'>;

/** Which calls go wrong, and how. Counting begins when the script is given. */
export interface Script {
  /** Its name, or `*`. */
  readonly action: string;
  /** The first call that is hit, of those that match; 1 by default. */
  readonly nth?: number;
  /** How many in a row; 1 by default. */
  readonly times?: number | 'always';
  /** Parameters that a call must have, by dotted name: `{ 'InstanceType': 'm5.large', 'TagSpecifications.0.ResourceType': 'instance' }`. */
  readonly match?: Readonly<Record<string, string>>;
  /** Beyond that, for tests in the same process. */
  readonly when?: (call: Call) => boolean;
  readonly fault: Bare | Fault;
}

interface Played {
  readonly script: Script;
  seen: number;
}

/** Scripts that are being played. Every one counts every call that it matches; the first that hits decides. */
export class Faults {
  #scripts: Played[] = [];

  add(script: Script): void {
    this.#scripts.push({ script, seen: 0 });
  }

  clear(): void {
    this.#scripts = [];
  }

  /** The fault of this call, or undefined. */
  take(call: Call): Fault | undefined {
    let hit: Fault | undefined;
    for (const played of this.#scripts) {
      const { action, nth = 1, times = 1, when, fault } = played.script;
      if (action !== '*' && action !== call.action) continue;
      if (!matches(call.input, played.script.match) || when?.(call) === false) continue;
      played.seen++;
      const last = times === 'always' ? Infinity : nth + times - 1;
      if (played.seen >= nth && played.seen <= last) hit ??= typeof fault === 'string' ? { kind: fault } : fault;
    }
    return hit;
  }
}

/** The answer that a fault stands for, in the words of the service; undefined for those that are none. */
export function refusalOf(fault: Fault, call: Call): Refusal | undefined {
  const rpc = call.service !== 'ec2';
  const rest = call.service === 'scheduler';
  switch (fault.kind) {
    case 'throttle':
      return throttled(call);
    case 'internal':
      return new Refusal(
        500,
        rest ? 'InternalServerException' : rpc ? 'InternalFailure' : 'InternalError',
        'An internal error has occurred',
      );
    case 'unavailable':
      return new Refusal(503, rpc ? 'ServiceUnavailable' : 'Unavailable', 'The service is unavailable. Please try again shortly.');
    case 'denied':
      return denied(call);
    case 'dependency':
      return new Refusal(400, 'DependencyViolation', `resource ${subjectOf(call.input)} has a dependent object`);
    case 'error':
      return new Refusal(fault.status, fault.code, fault.message);
    case 'lose-request':
    case 'lose-response':
    case 'hold-request':
    case 'hold-response':
    case 'delay':
    case 'html':
      return undefined;
  }
}

/** 503 for EC2, 429 for the scheduler, 400 for the others. */
export function throttled({ service, account, action }: Call): Refusal {
  if (service === 'ssm') return new Refusal(400, 'ThrottlingException', 'Rate exceeded');
  if (service === 'scheduler') return new Refusal(429, 'ThrottlingException', 'Rate exceeded');
  if (service === 'sts') return new Refusal(400, 'Throttling', 'Rate exceeded');
  return new Refusal(
    503,
    'RequestLimitExceeded',
    `Request limit exceeded. Account ${account} has been throttled on ec2:${action} because it exceeded its request rate limit.`,
  );
}

function denied({ service, action, arn }: Call): Refusal {
  if (service === 'ec2') {
    const message = `You are not authorized to perform this operation. User: ${arn} is not authorized to perform: ec2:${action} because no identity-based policy allows the ec2:${action} action. Encoded authorization failure message: 4GIOHlTkIaWHQD0Q0m6XSnuUMCm8Q`;
    return new Refusal(403, 'UnauthorizedOperation', message);
  }
  const message = `User: ${arn} is not authorized to perform: ${service}:${action}`;
  if (service === 'scheduler') return new Refusal(403, 'AccessDeniedException', message);
  return service === 'ssm' ? new Refusal(400, 'AccessDeniedException', message) : new Refusal(403, 'AccessDenied', message);
}

function matches(input: unknown, match: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(match).every(([path, wanted]) => {
    const found = path
      .split('.')
      .reduce<unknown>((at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined), input);
    return (typeof found === 'string' ? found : JSON.stringify(found)) === wanted;
  });
}

/** The ID that a deleting call names. */
function subjectOf(input: unknown): string {
  const values: readonly unknown[] = typeof input === 'object' && input !== null ? Object.values(input).flat() : [];
  return values.find((value) => typeof value === 'string') ?? '';
}
