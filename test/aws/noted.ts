import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { callOf, type RawRequest } from '../fakes/moto/call.ts';

/**
 * Calls that spin really made in the tests, for test/aws/made.ts. Every server that stands for AWS says what it was asked; a call counts
 * if it is spin's own, which its user agent tells, and not that of a client by which a test prepares or looks.
 */

/** Folder that a whole run of the tests gives to all of its processes. */
export const NOTES_VARIABLE = 'SPIN_TEST_CALLS';

/** The application ID that spin's clients carry in their user agent. */
const OURS = /\bapp\/spin\b/;

const noted = new Set<string>();

export function noteCall(request: RawRequest): void {
  const folder = process.env[NOTES_VARIABLE];
  if (folder === undefined || !OURS.test(request.headers['user-agent'] ?? '')) return;
  // Requests are signed with the name that also is the prefix of the service's IAM actions.
  const { service, action } = callOf(request);
  const line = `${service}:${action}`;
  if (noted.has(line)) return;
  noted.add(line);
  // One file per process: nobody waits for, or writes into, what is another's.
  appendFileSync(join(folder, String(process.pid)), `${line}\n`);
}
