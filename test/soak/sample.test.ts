import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { soakSweep } from './ec2/orphans.ts';
import { soakSpins } from './ec2/spins.ts';
import { soakCycles } from './local/cycles.ts';
import { soakKeeper } from './local/keeper.ts';
import { brokenIn, type Section, viewSection } from './report.ts';

const seed = String(randomInt(1_000_000));

function expectKept(section: Section): void {
  expect(brokenIn([section]), viewSection(section)).toEqual([]);
}

test('some spins at once on the EC2 double: each exactly once, none throttled, nothing left', async () => {
  expectKept(await soakSpins(12, 'documented'));
}, 60_000);

test('where the actions share a bucket, all come and go all the same', async () => {
  expectKept(await soakSpins(12, 'shared'));
}, 60_000);

test(`a sweep over some hundred things, seed ${seed}: exactly the orphans go`, async () => {
  expectKept(await soakSweep(300, seed));
}, 60_000);

test('up and down on this machine, some times: no process, port, socket, file or descriptor is left', async () => {
  expectKept(await soakCycles(2));
}, 120_000);

test('a keeper does not grow with what came and went', async () => {
  expectKept(await soakKeeper(25));
}, 120_000);
