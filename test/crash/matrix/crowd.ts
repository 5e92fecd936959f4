/** Many commands on one spin ID at the same time, as real processes. */
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import { environmentOf, startEc2 } from '../../fakes/ec2/start.ts';
import { startFakeS3 } from '../../fakes/s3.ts';
import { LOOKED_INTO, REGION, specWith } from './aws.ts';
import type { Build } from './build.ts';
import { leftIn as leftInEc2, worldOf } from './ec2.ts';
import { Folder, type Ran } from './folder.ts';
import { good, ID, TrialFailure } from './ground.ts';
import { leftIn, pictureOf, SPEC } from './local.ts';

/** Something that many do at once, and what must come of it. */
export interface Crowd {
  readonly name: string;
  /** How many processes, or rounds: of a full run, and of one that somebody waits for. */
  readonly sizes: { readonly full: number; readonly small: number };
  /** @throws TrialFailure where a promise did not hold */
  run(build: Build, size: number): Promise<void>;
}

/** Where a crowd meets: clients, each with what its own machine has, and one place that is looked at. */
interface Square {
  readonly clients: readonly Folder[];
  readonly spec: string;
  picture(): Promise<unknown>;
  left(): Promise<readonly string[]>;
  close(): Promise<void>;
}

type Open = (build: Build, clients: number) => Promise<Square>;

/** One machine: all share its state folder, its processes and its clock. */
const onOneMachine: Open = (build, clients) => {
  const folder = new Folder(build);
  return Promise.resolve({
    clients: Array.from({ length: clients }, () => folder),
    spec: SPEC,
    picture: () => pictureOf(folder),
    left: () => leftIn(folder),
    close: () => folder.remove(),
  });
};

/** A team: nothing is shared but a bucket, and the cloud. */
const onABucket: Open = (build, count) => openBucket(build, count, 300);
/** Where an up takes long enough for another to come upon it. */
const onASlowBucket: Open = (build, count) => openBucket(build, count, 6_000);

async function openBucket(build: Build, count: number, pendingMs: number): Promise<Square> {
  const [ec2, s3] = await Promise.all([startEc2({ pendingMs, stoppingMs: 100 }), startFakeS3({ buckets: ['team'] })]);
  const env = { ...environmentOf(ec2.url, REGION), ...LOOKED_INTO, AWS_ENDPOINT_URL_S3: s3.endpoint, SPIN_STATE: 's3://team/spin' };
  const clients = Array.from({ length: count }, () => new Folder(build, env));
  return {
    clients,
    spec: specWith(),
    picture: () => Promise.resolve(worldOf(ec2)),
    left: () => Promise.resolve(leftInEc2(ec2)),
    close: async () => {
      await Promise.all(clients.map((client) => client.remove()));
      await Promise.all([ec2.close(), s3.close()]);
    },
  };
}

const MINUTES_MS = 5 * 60_000;
/** Longer than a lease lasts. */
const LEASE_MS = 15_000;

/** Where an up may stand still: what it does to the world, and which time. */
const MOMENTS: readonly (readonly [what: string, nth: number])[] = [
  ['ask:apply:service.web@1', 1],
  ['make:local.folder', 1],
  ['open:local.secrets.token.partial', 1],
  ['link:record', 8],
  ['make:local.logs', 1],
  ['make:local.scratch', 1],
  ['make:local.fences', 1],
  ['write:local.fences.fence', 1],
  ['rename:local.keeper.json', 1],
  ['rename:local.desired.json', 1],
  ['spawn:keeper', 1],
  ['make:local.secrets', 1],
  ['rename:local.secrets.token', 1],
  ['make:local.volumes.data.partial', 1],
  ['copy:local.volumes.data.partial', 1],
  ['rename:local.volumes.data', 1],
  ['ask:enforce', 1],
];

/** Where a down may stand still. */
const LATE = ['write:local.fences.fence', 'ask:stop', 'link:record'] as const;

/** What is tried, on one machine and over a bucket. */
export const CROWDS: readonly Crowd[] = [
  { name: 'crowd/ups', sizes: { full: 32, small: 8 }, run: (build, size) => manyUps(onOneMachine, build, size) },
  { name: 'crowd/ups-s3', sizes: { full: 32, small: 6 }, run: (build, size) => manyUps(onABucket, build, size) },
  { name: 'crowd/race', sizes: { full: 200, small: 5 }, run: (build, size) => race(onOneMachine, build, size) },
  { name: 'crowd/race-s3', sizes: { full: 40, small: 2 }, run: (build, size) => race(onABucket, build, size) },
  { name: 'crowd/sweeps', sizes: { full: 50, small: 3 }, run: (build, size) => sweeps(build, size) },
  { name: 'crowd/stale-up', sizes: { full: MOMENTS.length, small: 1 }, run: (build, size) => stale(build, 'up', size) },
  { name: 'crowd/stale-down', sizes: { full: MOMENTS.length, small: 4 }, run: (build, size) => stale(build, 'down', size) },
  { name: 'crowd/late-down', sizes: { full: LATE.length, small: 1 }, run: (build, size) => late(build, size) },
  { name: 'crowd/stale-s3', sizes: { full: 1, small: 1 }, run: (build) => staleOnABucket(build) },
  { name: 'crowd/skew', sizes: { full: 1, small: 1 }, run: (build) => skewed(build) },
];

async function within<T>(open: Open, build: Build, clients: number, work: (square: Square) => Promise<T>): Promise<T> {
  const square = await open(build, clients);
  try {
    for (const client of square.clients) client.spec(square.spec);
    return await work(square);
  } finally {
    await square.close();
  }
}

/** What one command alone makes. */
function aloneOn(open: Open, build: Build): Promise<unknown> {
  return within(open, build, 1, async (square) => {
    const [client] = square.clients;
    if (client !== undefined) good(await client.run(['up']));
    return square.picture();
  });
}

async function manyUps(open: Open, build: Build, size: number): Promise<void> {
  const wanted = await aloneOn(open, build);
  await within(open, build, size, async (square) => {
    const ran = await Promise.all(square.clients.map((client) => client.run(['up', '--output', 'json'])));
    const made = ran.filter(({ code }) => code === 0);
    if (made.length === 0) throw new TrialFailure(`none of ${size} came up: ${said(ran)}`);
    for (const one of ran) if (one.code !== 0) expectHeld(one);
    const results = made.map(({ stdout }) => (JSON.parse(stdout) as { readonly result: { readonly result: string } }).result.result);
    if (results.filter((result) => result === 'created').length !== 1) throw new TrialFailure(`made more than once: ${results.join()}`);
    expectSame(await square.picture(), wanted);
    await end(square);
  });
}

/** Whoever has the lease last has the last word: all is there, or nothing. */
async function race(open: Open, build: Build, rounds: number): Promise<void> {
  const wanted = await aloneOn(open, build);
  await within(open, build, 2, async (square) => {
    const [upper, downer] = square.clients;
    if (upper === undefined || downer === undefined) return;
    for (let round = 0; round < rounds; round++) {
      const up = upper.run(['up', '--output', 'json']);
      // From before it has begun until it is long done.
      await pause((round * 173) % 1_400);
      const [upped, downed] = await Promise.all([up, downer.run(['down', ID, '--yes', '--output', 'json'])]);
      for (const one of [upped, downed]) if (one.code !== 0) expectHeld(one);
      const listed = JSON.parse(good(await upper.run(['ls', '--output', 'json'])).stdout) as {
        readonly result: { readonly spins: readonly unknown[] };
      };
      if (listed.result.spins.length === 0) await expectNothing(square, `round ${round}`);
      else expectSame(await square.picture(), wanted);
      const last = upper === downer ? lastWord(upped.code, downed.code, upper) : undefined;
      if (last !== undefined && (last === 'up') !== listed.result.spins.length > 0)
        throw new TrialFailure(`round ${round}: ${last} had the last word, and did not get its way`);
    }
    await end(square);
  });
}

/**
 * Whoever says that the lease was lost to another had not the last word: what it tries to write after that is refused. Where both had their
 * way, the taps tell who wrote last, in the order in which it happened; a removal that was begun anybody may finish.
 */
function lastWord(upped: number | null, downed: number | null, folder: Folder): string | undefined {
  if (upped !== 0) return 'down';
  if (downed !== 0) return 'up';
  return folder.told().findLast(({ point }) => point.what === 'link:record')?.point.who;
}

/** Two sweeps and an up, on a spin whose first up died. */
async function sweeps(build: Build, rounds: number): Promise<void> {
  const wanted = await aloneOn(onOneMachine, build);
  await within(onOneMachine, build, 1, async (square) => {
    const [folder] = square.clients;
    if (folder === undefined) return;
    for (let round = 0; round < rounds; round++) {
      await folder.run(['up'], { who: 'up', what: 'ask:apply:service.web@1', nth: 1, how: 'kill-after' });
      const gc = ['gc', '--yes', '--grace', '0s'];
      const ran = [
        folder.run(gc),
        pause((round * 61) % 300).then(() => folder.run(gc)),
        pause((round * 97) % 500).then(() => folder.run(['up', '--wait', '60s'])),
      ];
      for (const one of await Promise.all(ran)) if (one.code !== 0) expectHeld(one);
      if (folder.record(ID) === undefined) await expectNothing(square, `round ${round}`);
      else expectSame(await square.picture(), wanted);
      await end(square);
    }
  });
}

/** An up that stood still while its lease ran out, or was taken, and then goes on. */
async function stale(build: Build, taker: 'up' | 'down', moments: number): Promise<void> {
  const wanted = await aloneOn(onOneMachine, build);
  for (const [what, nth] of MOMENTS.slice(0, moments)) {
    await within(onOneMachine, build, 1, async (square) => {
      const [folder] = square.clients;
      if (folder === undefined) return;
      const first = folder.start(['up', '--output', 'json'], { who: 'up', what, nth, how: 'stop-before' });
      await until(() => folder.told().some(({ kind }) => kind === 'break'), 'the first up stands still');
      good(await folder.run(taker === 'up' ? ['up', '--wait', '40s'] : ['down', ID, '--yes']));
      const starts = startsIn(folder);
      first.child.kill('SIGCONT');
      expectHeld(await first.ended);
      if (startsIn(folder) !== starts) throw new TrialFailure('what stood still started something after it had lost its lease');
      if (taker === 'down') await expectNothing(square, 'the stale up');
      else {
        expectSame(await square.picture(), wanted);
        await end(square);
      }
    });
  }
}

/** A down that stood still until another had taken the spin down, and a new life began: that is nothing of its. */
async function late(build: Build, moments: number): Promise<void> {
  const wanted = await aloneOn(onOneMachine, build);
  for (const what of LATE.slice(0, moments)) {
    await within(onOneMachine, build, 1, async (square) => {
      const [folder] = square.clients;
      if (folder === undefined) return;
      good(await folder.run(['up']));
      const first = folder.start(['down', ID, '--yes'], { who: 'down', what, nth: what === 'link:record' ? 2 : 1, how: 'stop-before' });
      await until(() => folder.told().some(({ kind }) => kind === 'break'), 'the first down stands still');
      good(await folder.run(['down', ID, '--yes', '--wait', '40s']));
      good(await folder.run(['up']));
      first.child.kill('SIGCONT');
      expectHeld(await first.ended);
      expectSame(await square.picture(), wanted);
      await end(square);
    });
  }
}

/** Of the spin's own processes: a keeper that comes too late ends by itself, or is ended. */
function startsIn(folder: Folder): number {
  return folder.told().filter(({ point }) => point.what === 'spawn:process').length;
}

/** The same between machines: nobody can see whether the other lives. */
async function staleOnABucket(build: Build): Promise<void> {
  const wanted = await aloneOn(onABucket, build);
  await within(onABucket, build, 2, async (square) => {
    const [one, other] = square.clients;
    if (one === undefined || other === undefined) return;
    const first = one.start(['up', '--output', 'json'], undefined, { host: 'one' });
    await until(async () => (await square.left()).length > 0, 'the first up has made something');
    first.child.kill('SIGSTOP');
    const held = await other.start(['up', '--output', 'json'], undefined, { host: 'other' }).ended;
    expectHeld(held);
    good(await other.start(['up', '--wait', `${LEASE_MS * 2}ms`], undefined, { host: 'other' }).ended);
    first.child.kill('SIGCONT');
    expectHeld(await first.ended);
    expectSame(await square.picture(), wanted);
    await end(square);
  });
}

/** A lease is not taken from who has it, however wrong either clock is. */
async function skewed(build: Build): Promise<void> {
  const wanted = await aloneOn(onASlowBucket, build);
  for (const skewMs of [MINUTES_MS, -MINUTES_MS]) {
    await within(onASlowBucket, build, 2, async (square) => {
      const [one, other] = square.clients;
      if (one === undefined || other === undefined) return;
      const first = one.start(['up'], undefined, { host: 'one', skewMs });
      await until(async () => (await square.left()).length > 0, 'the first up has made something');
      expectHeld(await other.start(['up', '--output', 'json'], undefined, { host: 'other' }).ended);
      good(await first.ended);
      expectSame(await square.picture(), wanted);
      await end(square);
    });
  }
}

/** A clear answer of one who did not get the lease, or lost it: exit code 4, and a document that says who has it. */
function expectHeld({ args, code, stdout, stderr, signal }: Ran): void {
  const asked = args.includes('--output');
  const clear = asked ? /"code":\s*"lease-(?:held|lost)"/.test(stdout) : /lease-(?:held|lost)/.test(stderr);
  if (code !== 4 || !clear) throw new TrialFailure(`spin ${args.join(' ')} ended with ${code ?? signal}: ${stdout}${stderr}`.slice(0, 600));
}

function expectSame(seen: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(seen, wanted))
    throw new TrialFailure(`one command makes ${JSON.stringify(wanted)}, this is ${JSON.stringify(seen)}`);
}

async function expectNothing(square: Square, when: string): Promise<void> {
  const things = await square.left();
  if (things.length > 0) throw new TrialFailure(`left after ${when}: ${things.join(', ')}`);
}

async function end(square: Square): Promise<void> {
  const [client] = square.clients;
  if (client !== undefined) good(await client.run(['down', ID, '--yes', '--wait', '30s']));
  await expectNothing(square, 'down');
}

async function until(look: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; !(await look()); tries++) {
    if (tries === 600) throw new TrialFailure(`${what}: not within 30 s`);
    await pause(50);
  }
}

function said(ran: readonly Ran[]): string {
  return [...new Set(ran.map(({ stdout, stderr }) => `${stdout}${stderr}`.slice(-300)))].join(' | ');
}
