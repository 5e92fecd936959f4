import { type Answer, errorAnswer } from './answers.ts';
import type { Call } from './call.ts';

interface Spent {
  readonly asked: string;
  /** Absent where the request was refused, but not as invalid: the same may be asked again, and nothing else. */
  readonly answer?: Answer;
  /** Instances that the request made. */
  readonly instances: readonly string[];
}

const MISMATCH = 'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).';
const TERMINATED = 'The client token you have provided is associated with a terminated instance. Please use a different client token.';

/**
 * Client tokens as EC2 keeps them: scoped to account, region and action (and to the zone, where RunInstances names one), and remembered
 * for requests that succeeded, and for those that found no capacity.
 */
export class Tokens {
  readonly #spent = new Map<string, Spent>();

  /**
   * What a request is answered whose token was used before; undefined where it was not.
   * @param scope account and region, with the zone that the request names
   * @param isTerminated whether an instance that the first request made has ended
   */
  answerTo(call: Call, scope: string, isTerminated: (instance: string) => boolean): Answer | undefined {
    const spent = this.#spent.get(keyOf(call, scope) ?? '');
    if (spent === undefined) return undefined;
    if (spent.asked !== argumentsOf(call)) {
      return call.protocol === 'ec2' ? errorAnswer(call, 400, 'IdempotentParameterMismatch', MISMATCH) : undefined;
    }
    if (spent.answer === undefined) return undefined;
    return spent.instances.some(isTerminated) ? errorAnswer(call, 400, 'IdempotentInstanceTerminated', TERMINATED) : spent.answer;
  }

  /** Remembers what a request was answered, where it has a token and was not refused as invalid. */
  spend(call: Call, scope: string, answer: Answer, instances: readonly string[]): void {
    const key = keyOf(call, scope);
    if (key === undefined) return;
    if (answer.status < 300) this.#spent.set(key, { asked: argumentsOf(call), answer, instances });
    else if (answer.code === 'InsufficientInstanceCapacity') this.#spent.set(key, { asked: argumentsOf(call), instances });
  }

  forget(): void {
    this.#spent.clear();
  }
}

function keyOf(call: Call, scope: string): string | undefined {
  const token = call.protocol === 'ec2' ? call.params.get('ClientToken') : memberOf(call, 'ClientToken');
  return token === null || token === undefined || token === '' ? undefined : [scope, call.service, call.action, token].join(' ');
}

/** Everything that a request says, but for whether it is meant. */
function argumentsOf(call: Call): string {
  if (call.protocol !== 'ec2') return `${call.request.path} ${call.request.body.toString('utf8')}`;
  const said = [...call.params].filter(([name]) => name !== 'DryRun' && name !== 'ClientToken');
  return said
    .map(([name, value]) => `${name}=${value}`)
    .toSorted()
    .join('\n');
}

/** A text member of a JSON body. Of these services only the scheduler is known to keep tokens. */
function memberOf({ service, request }: Call, name: string): string | undefined {
  if (service !== 'scheduler' || request.body.length === 0) return undefined;
  try {
    const body: unknown = JSON.parse(request.body.toString('utf8'));
    const value = typeof body === 'object' && body !== null ? Object.entries(body).find(([key]) => key === name)?.[1] : undefined;
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
