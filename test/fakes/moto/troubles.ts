import { type Answer, errorAnswer, htmlAnswer, throttledAnswer } from './answers.ts';
import type { Call } from './call.ts';

/** What goes wrong with a call, and how. */
export interface Trouble {
  /** Signing name, such as `ec2`; any where it is left out. */
  readonly service?: string;
  readonly action?: string;
  readonly when?: (call: Call) => boolean;
  /** How many such calls go well first. @default 0 */
  readonly after?: number;
  /** How many such calls it befalls. @default 1 */
  readonly times?: number;
  readonly how: How;
}

export type How =
  /** The connection breaks before the request has any effect. */
  | 'lost-request'
  /** The request has its effect, and the connection breaks before the answer. */
  | 'lost-response'
  /** The request has no effect, and nothing is answered until the client gives up. */
  | 'silence'
  /** Refused in the form in which the service throttles. */
  | 'throttled'
  /** 500 of the service's own. */
  | 'internal-error'
  /** 503 of the service's own. */
  | 'unavailable'
  /** 403; the service's own code for a caller without the permission. */
  | 'denied'
  /** 500 with a page for people, as an emulator answers what it does not have. */
  | 'html'
  | { readonly error: string; readonly status: number; readonly message: string }
  /** The request has its effect at once; the answer comes so many milliseconds late. */
  | { readonly lateMs: number };

/** What befalls one call. */
export type Fate =
  | { readonly kind: 'served'; readonly lateMs: number }
  | { readonly kind: 'answered'; readonly answer: Answer }
  | { readonly kind: 'lost'; readonly effect: boolean }
  | { readonly kind: 'silence' };

/** The troubles that a test has announced, in the order in which they were. */
export class Troubles {
  readonly #announced: { readonly trouble: Trouble; after: number; times: number }[] = [];

  announce(trouble: Trouble): void {
    this.#announced.push({ trouble, after: trouble.after ?? 0, times: trouble.times ?? 1 });
  }

  forget(): void {
    this.#announced.length = 0;
  }

  /** The first trouble that concerns the call and is not over; each that concerns it counts it. */
  fateOf(call: Call, account: string): Fate {
    for (const entry of this.#announced) {
      if (!concerns(entry.trouble, call) || entry.times === 0) continue;
      if (entry.after > 0) {
        entry.after -= 1;
        continue;
      }
      entry.times -= 1;
      return fateIn(entry.trouble.how, call, account);
    }
    return { kind: 'served', lateMs: 0 };
  }
}

function concerns({ service, action, when }: Trouble, call: Call): boolean {
  return (service ?? call.service) === call.service && (action ?? call.action) === call.action && (when?.(call) ?? true);
}

function fateIn(how: How, call: Call, account: string): Fate {
  const answered = (answer: Answer): Fate => ({ kind: 'answered', answer });
  if (typeof how === 'object') {
    return 'lateMs' in how ? { kind: 'served', lateMs: how.lateMs } : answered(errorAnswer(call, how.status, how.error, how.message));
  }
  switch (how) {
    case 'lost-request':
      return { kind: 'lost', effect: false };
    case 'lost-response':
      return { kind: 'lost', effect: true };
    case 'silence':
      return { kind: 'silence' };
    case 'throttled':
      return answered(throttledAnswer(call, account));
    case 'internal-error':
      return answered(
        errorAnswer(call, 500, call.protocol === 'ec2' ? 'InternalError' : 'InternalFailure', 'An internal error has occurred'),
      );
    case 'unavailable': {
      const code = call.protocol === 'ec2' ? 'Unavailable' : 'ServiceUnavailable';
      return answered(errorAnswer(call, 503, code, 'The service is unavailable. Please try again shortly.'));
    }
    case 'denied':
      return answered(deniedAnswer(call));
    case 'html':
      return answered(htmlAnswer());
  }
}

function deniedAnswer(call: Call): Answer {
  if (call.protocol === 'ec2') {
    const message = 'You are not authorized to perform this operation. Encoded authorization failure message: 4GIOHlTkIaWHQD0Q0m6XSnuUMCm';
    return errorAnswer(call, 403, 'UnauthorizedOperation', message);
  }
  // The JSON services answer 400 (https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html).
  const code = call.protocol === 'json' || call.protocol === 'rest-json' ? 'AccessDeniedException' : 'AccessDenied';
  return errorAnswer(call, call.protocol === 'json' ? 400 : 403, code, `User is not authorized to perform: ${call.service}:${call.action}`);
}
