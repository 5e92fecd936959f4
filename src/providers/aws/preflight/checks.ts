import { messageOf } from '../../../core/errors.ts';
import { Fault } from '../../fault.ts';
import type { Call, Check } from '../../provider.ts';
import { isClass } from '../fault-class.ts';

export function check(name: string, ok: boolean, detail: string, hint?: string): Check {
  return { name, ok, detail, ...(ok || hint === undefined ? {} : { hint }) };
}

/** What was found out, and whether it rests on answers of before: kept from earlier, or asked for ahead. */
export interface Judgement {
  readonly checks: readonly Check[];
  readonly kept: boolean;
}

/** Nothing is refused because of what was true before: then all is judged again by what AWS says now. @throws what `judge` throws */
export async function judged(judge: (fresh: boolean) => Promise<Judgement>): Promise<readonly Check[]> {
  const { checks, kept } = await judge(false);
  return kept && checks.some(({ ok }) => !ok) ? (await judge(true)).checks : checks;
}

/**
 * What a look comes to. Where AWS could not be asked, the check has not failed but says so; except that what a spin cannot do without
 * (`needed`) fails with whatever AWS refuses for good.
 * @throws the call's abort reason
 */
export async function looked(name: string, needed: boolean, call: Call, look: () => Promise<readonly Check[]>): Promise<readonly Check[]> {
  try {
    return await look();
  } catch (thrown) {
    call.signal.throwIfAborted();
    if (!(thrown instanceof Fault)) throw thrown;
    if (needed && isFinal(thrown)) return [check(name, false, messageOf(thrown), hintFor(thrown))];
    return [check(name, true, `unknown: ${messageOf(thrown)}`)];
  }
}

function isFinal({ kind, class: faultClass }: Fault): boolean {
  return kind !== 'throttled' && kind !== 'transient' && faultClass !== 'unimplemented';
}

function hintFor(fault: Fault): string {
  if (fault.kind !== 'denied') return 'correct the spec or the aws settings: spin config';
  if (isClass(fault, 'UnauthorizedOperation', 'AccessDenied', 'NotAuthorized'))
    return 'grant the action to the credentials; docs/aws-iam.md of the package has the policy that spin needs';
  // Keys that are wrong, or an account that is blocked: no policy helps.
  return 'aws sts get-caller-identity shows whether AWS takes these credentials, and whose they are';
}
