import { expect, onTestFinished, test } from 'vitest';
import { HealthWatch } from '../../../src/providers/local/keeper/health-watch.ts';
import type { Instance } from '../../../src/providers/local/keeper/instance.ts';
import { identityOf, ProcessTable } from '../../../src/providers/local/processes.ts';
import { ManualClock } from '../../fakes/clock.ts';

const INTERVAL_MS = 50;

/** A healthy instance, whose process is this one, and what it was told. */
function healthyInstance(): { readonly instance: Instance; readonly told: readonly string[] } {
  const told: string[] = [];
  const own = new ProcessTable().running.find(({ pid }) => pid === process.pid);
  const health = {
    probe: { type: 'tcp' },
    intervalMs: INTERVAL_MS,
    timeoutMs: 1_000,
    healthyAfter: 1,
    unhealthyAfter: 3,
    deadlineMs: 60_000,
  };
  const instance = {
    name: 'web@1.1',
    lives: true,
    exists: true,
    service: { job: false, port: 'auto', health },
    state: { run: 1, state: 'healthy', port: 1, startedAt: 0, healthyAt: 0, process: own === undefined ? undefined : identityOf(own) },
    waitsFor: () => undefined,
    becameUnhealthy(reason: string) {
      told.push(reason);
      instance.state.state = 'unhealthy';
    },
  };
  return { instance: instance as unknown as Instance, told };
}

test('one reading of the socket tables in which a port is missing is one failure, however often it is looked at', async () => {
  const clock = new ManualClock(1_000_000);
  const table = { readAt: 1, look: () => new Map() };
  const watch = new HealthWatch(clock, table);
  const over = new AbortController();
  onTestFinished(() => over.abort());
  const { instance, told } = healthyInstance();
  watch.add(instance);
  void watch.run(over.signal);
  await clock.advance(INTERVAL_MS * 10);
  expect(told).toEqual([]);
  table.readAt = 2;
  await clock.advance(INTERVAL_MS * 10);
  expect(told).toEqual([]);
  table.readAt = 3;
  await clock.advance(INTERVAL_MS * 2);
  expect(told).toEqual(['nothing listens on port 1 yet']);
});
