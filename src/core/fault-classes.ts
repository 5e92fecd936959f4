interface FaultClassRow {
  /** What happened, for docs/errors.md. */
  readonly meaning: string;
  /** What to look at or change. */
  readonly hint: string;
}

/**
 * The fault classes that are ours, for docs/errors.md. The set is open: a cloud's own error codes pass through
 * as classes too, and the codes of core/error-codes.ts stand in `failure` where a command failed with one.
 */
export const FAULT_CLASSES = {
  'missing-command': { meaning: 'A command does not exist or is not executable.', hint: 'Install it, or correct the path in `run`.' },
  'exit-nonzero': {
    meaning: 'A bootstrap step, a job or a hook ended with another exit code than 0.',
    hint: 'Read its last lines: `spin logs ID`.',
  },
  timeout: {
    meaning: 'A bootstrap step, a hook or a command ran longer than its timeout.',
    hint: 'Raise its timeout, or find what it waits for.',
  },
  'health-never-passed': {
    meaning: 'The service listens, but its health check did not pass before the deadline.',
    hint: 'Compare `health` with what the service answers.',
  },
  'port-never-opened': {
    meaning: 'The service runs, but did not listen on its port before the deadline.',
    hint: 'Let it listen on `$PORT`, or say `port: none`.',
  },
  'port-taken': {
    meaning: 'A fixed port is in use by a process that is not of this spin.',
    hint: 'End that process, or use `port: auto`.',
  },
  'crash-loop': { meaning: 'The process ended by itself more often than `restart` allows.', hint: 'Read its last lines: `spin logs ID`.' },
  killed: { meaning: 'The process was ended by a signal that spin did not send.', hint: 'Look for memory limits, or for who sent it.' },
  exited: {
    meaning: 'The process of a service that should go on ended with exit code 0.',
    hint: 'Keep it in the foreground, or make it a job.',
  },
  'hook-failed': { meaning: 'A drain or evacuation hook failed.', hint: 'Run its command by hand: `spin exec ID INSTANCE -- COMMAND`.' },
  'missing-folder': { meaning: 'The working directory of a service does not exist.', hint: 'Correct its `dir`.' },
  'ports-exhausted': { meaning: 'No port of the range is free.', hint: 'End other spins, or widen the range.' },
  'port-denied': { meaning: 'The user may not open this port.', hint: 'Use a port from 1024 up, or `port: auto`.' },
  'port-probe': { meaning: 'It could not be tried whether a port is free.', hint: 'Run `spin up` again.' },
  'address-unavailable': { meaning: 'The router cannot listen on its address.', hint: 'Correct `expose.host`.' },
  'secret-unresolved': { meaning: 'A secret could not be had from its source.', hint: 'Set the variable, or mend the file or command.' },
  'secret-missing': { meaning: 'The file of an issued secret is gone or cannot be read.', hint: 'Run `spin down ID`, then `spin up`.' },
  'secret-left': {
    meaning: 'The file of a secret could not be destroyed, or came back while it was.',
    hint: 'Make the folder of the state writable for you, then run `spin down ID` again.',
  },
  'volume-source-missing': {
    meaning: 'The folder or archive that a volume starts with does not exist.',
    hint: 'Correct the path in `volumes`.',
  },
  'volume-source-invalid': {
    meaning: 'What a volume starts with is of another kind than the spec says, or damaged.',
    hint: 'Look at the folder or archive named.',
  },
  'volume-unreadable': { meaning: 'What a volume starts with may not be read.', hint: 'Give yourself the right to read it.' },
  'volume-exists': { meaning: 'A volume of that name was made by another request.', hint: 'Run `spin down ID`, then `spin up`.' },
  'volume-missing': { meaning: 'The spin has no such volume.', hint: 'Run `spin status ID`.' },
  'snapshot-failed': { meaning: 'A volume could not be written into an archive.', hint: 'Look at the reason, and at the space left.' },
  'instance-missing': { meaning: 'The spin has no such instance.', hint: 'Run `spin status ID`.' },
  'disk-full': { meaning: 'There is no space left on the disk.', hint: 'Make room, then run the command again: it resumes.' },
  'state-unwritable': { meaning: 'The state folder cannot be written.', hint: 'Run `spin doctor`.' },
  'state-damaged': {
    meaning: 'A file of the keeper cannot be read, or has a form that this version does not know.',
    hint: 'Run `spin down ID`, then `spin up`.',
  },
  'keeper-unreachable': {
    meaning: 'The keeper does not answer, or could not be started.',
    hint: 'Run `spin up`: it starts a new one, and healthy processes go on.',
  },
  'keeper-error': { meaning: 'The keeper failed in a way that it has no class for.', hint: 'Read its log, and report it.' },
  'keeper-in-use': { meaning: 'The keeper was asked to go while it still has instances.', hint: 'Run `spin down ID`.' },
  'keeper-stopped': { meaning: 'The keeper was told to stop while it worked on this.', hint: 'Run `spin up`: a new keeper takes over.' },
  released: { meaning: 'The resource was released while it was coming up.', hint: 'Run `spin up` again if it should be there.' },
  'unknown-verb': {
    meaning: 'The keeper is of an older version and does not know what it was asked.',
    hint: 'Run `spin down ID`, then `spin up`.',
  },
  'router-failed': { meaning: 'The router could not open or change a route.', hint: 'Look at the reason, then run `spin up` again.' },
  releasing: {
    meaning: 'The resource is being released and cannot be asked for again.',
    hint: 'Wait until it is gone, then run `spin up`.',
  },
  'other-token': {
    meaning: 'The resource was made by another request; a token is never used for two things.',
    hint: 'Run `spin down ID`, then `spin up`.',
  },
  'spin-gone': { meaning: 'The folder of this incarnation is not there.', hint: 'Run `spin up`.' },
  vanished: { meaning: 'A resource was made and is gone, though nobody released it.', hint: 'Run `spin up` again.' },
  fenced: {
    meaning: 'A call came from a process that had lost its lease; nothing was done.',
    hint: 'Run `spin status ID` to see who works on it.',
  },
  'caller-gone': { meaning: 'The command that asked the keeper for something ended first.', hint: 'Run it again.' },
  'inventory-failed': { meaning: 'It could not be listed what is there, so nothing is taken to be absent.', hint: 'Run `spin doctor`.' },
  'signal-denied': { meaning: 'A process may not be signalled: it runs as another user.', hint: 'End it as that user.' },
  'not-ended': {
    meaning: 'A process is still there after SIGKILL, as one that waits for a disk is.',
    hint: 'Run `spin down ID` again later.',
  },
  unreachable: {
    meaning: 'A cloud endpoint could not be reached, or did not answer in time.',
    hint: 'Check the network, the proxy and `AWS_ENDPOINT_URL`.',
  },
  'untrusted-certificate': {
    meaning: 'Nobody who is believed vouches for who answers at a cloud endpoint, as behind a proxy that reads along.',
    hint: 'Name the certificates of your network in `AWS_CA_BUNDLE`, or in `NODE_EXTRA_CA_CERTS` beside the usual ones.',
  },
  unimplemented: {
    meaning: 'The endpoint does not implement an action, as an emulator may not, or it is no AWS endpoint.',
    hint: 'Check `AWS_ENDPOINT_URL`.',
  },
  'no-credentials': {
    meaning: 'There are no credentials for the cloud, or it does not know them.',
    hint: 'Set `AWS_PROFILE` or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or run `aws sso login`.',
  },
  'no-cloud': {
    meaning: 'Credentials were asked for that reach a spin on this machine, which has none: it runs as its user.',
    hint: 'Run what you want there: `spin exec ID SERVICE -- COMMAND`.',
  },
  'credentials-expired': { meaning: 'The credentials for the cloud are over.', hint: 'Renew them, for example with `aws sso login`.' },
  'no-region': { meaning: 'Nothing says in which region to work.', hint: 'Say `region:` in the spec, or set `AWS_REGION`.' },
  'account-refused': {
    meaning: 'The credentials are of an account that `aws.accounts` does not list.',
    hint: 'Use other credentials, or add the account to the config.',
  },
  'other-account': {
    meaning: 'The credentials are of another account than the spin lives in, so nothing can be said about it.',
    hint: 'Use credentials of the account that is named.',
  },
  'other-state': {
    meaning: 'Another state location took the spin over, and nothing of it is released or moved from here.',
    hint: 'Run `spin adopt ID` if it is yours to end, else `spin gc`, which forgets it here.',
  },
  'other-region': { meaning: 'A spin was looked for in another region than it lives in.', hint: 'Run `spin status ID`.' },
  busy: {
    meaning: 'A question that can wait was left out: it was asked for a moment ago, and its next turns are for what cannot wait.',
    hint: 'Run it again.',
  },
  'duration-refused': { meaning: 'AWS gives no credentials for that long, or for that short a time.', hint: 'Give another `--duration`.' },
  'no-role': {
    meaning: 'Credentials for one spin need a role to be narrowed, and none is set.',
    hint: 'Set `aws.credentialsRole` or `aws.role`.',
  },
  'secret-too-large': {
    meaning: 'The value of a secret is longer than its store holds.',
    hint: 'Keep what is long in a volume, and only its key in a secret.',
  },
  'device-taken': {
    meaning: 'The image has a disk of its own under the device name of a volume.',
    hint: 'Use an image without that disk, or fewer volumes in the service.',
  },
  'name-taken': {
    meaning: 'Something that is not of the spin has the name that a resource would get.',
    hint: 'Delete or rename what is named.',
  },
  'no-zone': {
    meaning: 'No zone has both room for a disk and an instance type of whoever uses it.',
    hint: 'Name other `instanceTypes`, or other subnets in `aws.subnets`.',
  },
  'volume-failed': {
    meaning: 'A disk could not be made, or broke.',
    hint: 'Look at its snapshot, and at the key that it is encrypted with.',
  },
  'volume-held': {
    meaning: 'A disk is still attached to an instance.',
    hint: 'Wait until the instance has ended, or end it, then run the command again.',
  },
  'firewall-missing': { meaning: 'What a resource stands behind is not there.', hint: 'Run `spin up` again.' },
  'database-failed': {
    meaning: 'A database is in a status that it does not leave by itself.',
    hint: 'Look at its events in RDS; `spin down ID` deletes it.',
  },
  'no-listener': { meaning: 'Exposed services need a load balancer, and none is set.', hint: 'Set `aws.listener`.' },
  'listener-missing': { meaning: 'The listener of `aws.listener` is not there.', hint: 'Correct `aws.listener`.' },
  'host-taken': {
    meaning: 'Another rule of the listener has the host that a service would be reached at.',
    hint: 'Give `expose.host` another name, or end the spin that has it.',
  },
  'target-group-missing': { meaning: 'The target group of a route is not there.', hint: 'Run `spin up` again.' },
  'instances-missing': { meaning: 'A service has no running instance to put behind its route.', hint: 'Run `spin status ID`.' },
  'other-currency': { meaning: 'The bill is not in USD.', hint: 'Read it in the Billing console.' },
  'too-many-pages': { meaning: 'The bill is longer than spin pays to read.', hint: 'Ask for a shorter time: `--since 7d`.' },
  'endless-list': { meaning: 'A list of the cloud leads from a page to the same page.', hint: 'Run it again.' },
  'never-billed': { meaning: 'A provider was asked for a bill and never sends one.', hint: 'Use `spin cost` without `--billed`.' },
  'no-prices': {
    meaning: 'The price list did not answer in time; prices that are not known stay unknown.',
    hint: 'Say them in `aws.prices`.',
  },
  'image-missing': {
    meaning: 'The machine image is not in the region, or may not be used by this account.',
    hint: 'Look at `image:` and `aws.image`.',
  },
  'image-invalid': {
    meaning: 'The parameter that should name a machine image holds something else.',
    hint: 'Look at `image:` and `aws.image`.',
  },
  'no-default-vpc': { meaning: 'The region has no default subnets to put instances in.', hint: 'Name subnets in `aws.subnets`.' },
  'subnets-differ': { meaning: 'The subnets of the config are of more than one VPC.', hint: 'Name subnets of one VPC in `aws.subnets`.' },
  'other-owner': { meaning: 'A thing of the cloud has the name that spin derives, and is not of this spin.', hint: 'Look at who made it.' },
  'not-shown-yet': { meaning: 'What was made a moment ago is not shown by the cloud yet.', hint: 'Wait: spin asks again by itself.' },
  'no-answer': { meaning: 'The cloud made something and did not say what.', hint: 'Run `spin up` again: it finds what was made.' },
  'no-pool': {
    meaning: 'No instance type can be started in any zone that will do.',
    hint: 'Add types to `instanceTypes`, or subnets in other zones.',
  },
  'partial-capacity': {
    meaning: 'The cloud had room for some of the instances; they are kept, and the rest is tried elsewhere.',
    hint: 'Add types to `instanceTypes`.',
  },
  'tokens-spent': { meaning: 'The same instances were launched and ended over and over.', hint: 'Find who ends them, then run `spin up`.' },
  'ended-itself': {
    meaning: 'A machine shut itself down, and its console does not say why.',
    hint: 'Look at its console: `spin logs ID`.',
  },
  'user-data-too-large': {
    meaning: 'What an instance is told at boot is larger than the cloud takes.',
    hint: 'Let a bootstrap step fetch what is large.',
  },
  'agent-failed': {
    meaning: 'The agent on an instance failed in a way that it has no class for.',
    hint: 'Read its last lines, and report it.',
  },
  'metadata-unreachable': {
    meaning: 'An instance could not reach its metadata service.',
    hint: 'Look at what its image does to the network.',
  },
  'exec-unavailable': {
    meaning: 'An instance can be reached neither through Systems Manager nor by ssh.',
    hint: 'Set `aws.instanceProfile`, or `aws.checkFrom`.',
  },
  'not-delivered': { meaning: 'A command did not reach the instance.', hint: 'Run it again.' },
  'logs-failed': { meaning: 'The journal of an instance could not be read.', hint: 'Run it again.' },
} as const satisfies Readonly<Record<string, FaultClassRow>>;
