/**
 * `npm run crash`: breaks every step of every command, lets many commands meet, and looks whether exactly one environment, or nothing, comes of it.
 * Options: --only NAME (may be repeated; `local`, `local/up`, `local/up/kill-after/link:record#4`, with `/up`, `/down`, `/gc` or `/lost` one trial;
 * `crowd`, `crowd/race`), --sample N --seed TEXT (so many trials, others for another seed, and small crowds), --jobs N, --deep (steps inside of a
 * record's write too). Exits with 1 where a promise did not hold.
 */
import { parseArgs } from 'node:util';
import { findMoto } from '../../fakes/moto/server.ts';
import { buildSpin } from './build.ts';
import { CROWDS } from './crowd.ts';
import { ec2Ground } from './ec2.ts';
import { removeFolders } from './folder.ts';
import type { Ground } from './ground.ts';
import { localGround } from './local.ts';
import { motoGround } from './moto.ts';
import { isMeant, runMatrix, type Tally } from './run.ts';
import { gather, type Gathered } from './gather.ts';
import { nameOf } from './trial.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const { only = [], sample, seed = String(process.pid), jobs = '3', deep = false } = options();
  const began = performance.now();
  const build = await buildSpin();
  const moto = findMoto();
  if (moto === undefined) say('moto_server is not on this machine: nothing is tried there');
  const grounds: readonly Ground[] = [localGround(build), ec2Ground(build), ...(moto === undefined ? [] : [motoGround(build, moto)])];
  const giveUp = async (): Promise<never> => {
    await removeFolders();
    for (const ground of grounds) await ground.close();
    await build.remove();
    process.exit(130);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void giveUp());
  try {
    const choice = { only, seed, deep, jobs: Number(jobs), ...(sample === undefined ? {} : { sample: Number(sample) }) };
    if (sample !== undefined) say(`seed ${seed}`);
    const chosen = grounds.filter(({ name }) => isMeant(only, name));
    const tally = await runMatrix(chosen, choice, say);
    const crowds = await gather(
      build,
      CROWDS.filter(({ name }) => isMeant(only, name)),
      sample === undefined ? 'full' : 'small',
      say,
    );
    const seconds = Math.round((performance.now() - began) / 1_000);
    if (tally.trials + crowds.length === 0) say(`there is no trial ${only.join(', ')}`);
    return tell(tally, crowds, seconds) ? 0 : 1;
  } finally {
    for (const ground of grounds) await ground.close();
    await build.remove();
  }
}

/** @returns whether every promise held */
function tell(tally: Tally, crowds: readonly Gathered[], seconds: number): boolean {
  const broken = crowds.filter(({ problem }) => problem !== undefined);
  say(`${tally.points} points, ${tally.trials} trials, of which ${tally.unmet} did not come to their break; ${seconds} s`);
  say(`exactly one: held ${tally.exactlyOne.held} of ${tally.exactlyOne.of}`);
  say(`nothing left: held ${tally.nothingLeft.held} of ${tally.nothingLeft.of}`);
  say(`crowds: held ${crowds.length - broken.length} of ${crowds.length}`);
  const { ways } = tally;
  if (tally.trials > 0)
    say(`ways through the lifecycle table: ${ways.met} of ${ways.of} in the recorded runs; not: ${ways.not.join(', ') || 'none'}`);
  for (const { trial, problem = '' } of tally.failures) say(`FAILED: ${problem}\n  npm run crash -- --only '${nameOf(trial)}'`);
  for (const { name, problem = '' } of broken) say(`FAILED: ${problem}\n  npm run crash -- --only '${name}'`);
  return tally.failures.length === 0 && broken.length === 0 && tally.trials + crowds.length > 0;
}

function options() {
  return parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      sample: { type: 'string' },
      seed: { type: 'string' },
      jobs: { type: 'string' },
      deep: { type: 'boolean' },
    },
  }).values;
}

process.exitCode = await main();
