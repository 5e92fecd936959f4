import { expect, it } from 'vitest';
import { awsWorld, launch } from './world.ts';

it('tells what each machine is paid for: from its launch until it was ended, by whomever', async () => {
  const world = await awsWorld();
  const service = await launch(world, world.service({ name: 'web', replicas: 2 }));
  const { runs: before = [] } = await world.until(service, ({ state }) => state === 'running');
  expect(before).toHaveLength(2);
  expect(before.every(({ to }) => to === undefined)).toBe(true);
  const [first] = world.living();
  await world.ec2.advance(600_000);
  world.ec2.outside.terminate(first?.id ?? '');
  const ended = world.call.clock.now();
  await world.ec2.advance(300_000);
  const { runs = [] } = await world.until(service, ({ runs: seen = [] }) => seen.some(({ to }) => to !== undefined));
  const run = runs.find(({ machine }) => machine === first?.id);
  // EC2 tells it to the second.
  expect(Math.abs((run?.to ?? 0) - ended)).toBeLessThan(2_000);
  expect(runs.filter(({ to }) => to === undefined)).toHaveLength(1);
});
