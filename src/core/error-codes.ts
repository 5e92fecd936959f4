/** The exit codes of every subcommand; docs/errors.md is made from this file. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  leaseHeld: 4,
  declined: 5,
  internal: 70,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface ErrorRow {
  readonly exit: ExitCode;
  /** When it is thrown, for docs/errors.md. */
  readonly meaning: string;
  /** The next command to type, where one serves every case. */
  readonly hint?: string;
}

/** Every error that spin reports to its user. Codes and exits are a promise to scripts; texts are not. */
export const ERROR_CODES = {
  usage: { exit: EXIT.usage, meaning: 'The command line names an unknown command or option, or leaves one out.', hint: 'spin --help' },
  'spec-not-found': { exit: EXIT.usage, meaning: 'There is no spec file where spin looked.', hint: 'spin init web' },
  'spec-invalid': {
    exit: EXIT.usage,
    meaning: 'The spec has one or more problems; all are listed with file:line:column.',
    hint: 'spin schema',
  },
  'config-invalid': { exit: EXIT.usage, meaning: 'A config file or SPIN_* variable has a problem.', hint: 'correct what is named' },
  'id-invalid': { exit: EXIT.usage, meaning: 'A spin ID has characters or a length that are not allowed.' },
  'spin-not-found': { exit: EXIT.failed, meaning: 'No record has this spin ID.', hint: 'spin ls' },
  'service-not-found': { exit: EXIT.usage, meaning: 'The spin has no such service, instance or volume.', hint: 'spin status ID' },
  'lease-held': { exit: EXIT.leaseHeld, meaning: 'Another process holds the lease on this spin.', hint: 'add --wait to wait for it' },
  'lease-lost': {
    exit: EXIT.leaseHeld,
    meaning: 'Another process took the lease on this spin over; this one stopped before its next write.',
  },
  'record-damaged': { exit: EXIT.failed, meaning: 'A record cannot be read.', hint: 'spin doctor' },
  'record-newer': { exit: EXIT.failed, meaning: 'A record was written by a newer spin and is left untouched.', hint: 'update spin' },
  'state-unwritable': {
    exit: EXIT.failed,
    meaning: 'The state folder, or bucket, cannot be read or written (permissions, full disk, network).',
    hint: 'spin doctor',
  },
  'provider-unknown': { exit: EXIT.usage, meaning: 'The spec names a provider that this spin does not have.' },
  'provider-failed': {
    exit: EXIT.failed,
    meaning: 'A provider refused or failed a request that no other code explains.',
    hint: 'spin doctor',
  },
  'preflight-failed': {
    exit: EXIT.failed,
    meaning: 'A check before the first creating call failed; nothing was made.',
    hint: 'spin doctor',
  },
  'budget-exceeded': {
    exit: EXIT.declined,
    meaning: 'The plan costs more than the budget of the spec or config allows.',
    hint: 'lower the TTL or raise the budget',
  },
  'limit-exceeded': { exit: EXIT.declined, meaning: 'The plan passes a limit of the config.', hint: 'spin config' },
  'change-refused': {
    exit: EXIT.declined,
    meaning:
      'What was asked does not go with the spin as it is: a changed spec would lose data, there is a record where one was to be adopted, or credentials would outlive the spin.',
    hint: 'spin down ID, then spin up',
  },
  'resource-failed': {
    exit: EXIT.failed,
    meaning: 'A resource did not come up, or a service did not become healthy.',
    hint: 'spin logs ID',
  },
  'release-failed': { exit: EXIT.failed, meaning: 'Something could not be proven gone.', hint: 'spin down ID' },
  'partly-done': {
    exit: EXIT.partial,
    meaning: 'Some spins of a command that names several failed, or a provider could not be asked what is there.',
  },
  timeout: { exit: EXIT.failed, meaning: 'A wait reached its deadline.', hint: 'spin status ID' },
  'keeper-unreachable': { exit: EXIT.failed, meaning: 'The keeper of a local spin does not answer.', hint: 'spin up' },
  'secret-unresolved': { exit: EXIT.failed, meaning: 'A secret could not be had from its source.' },
  'snapshot-failed': { exit: EXIT.failed, meaning: 'A volume could not be made from, or written to, a snapshot.' },
  'exec-failed': { exit: EXIT.failed, meaning: 'A command could not be started in an instance.' },
  'blast-radius': {
    exit: EXIT.declined,
    meaning: 'A sweep would delete more than its limit allows; it deleted nothing.',
    hint: 'spin gc --dry-run',
  },
  'confirmation-needed': {
    exit: EXIT.declined,
    meaning: 'A destructive command ran without a terminal and without --yes.',
    hint: 'add --yes',
  },
  declined: { exit: EXIT.declined, meaning: 'The user said no.' },
  'file-exists': { exit: EXIT.usage, meaning: 'A file that would be written exists already.', hint: 'add --force' },
  interrupted: {
    exit: EXIT.interrupted,
    meaning: 'SIGINT or SIGTERM stopped the command; the record is true.',
    hint: 'spin up, or spin down',
  },
} as const satisfies Readonly<Record<string, ErrorRow>>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** The row of a code, with its optional columns. */
export function rowOf(code: ErrorCode): ErrorRow {
  return ERROR_CODES[code];
}
