import { expect, it } from 'vitest';
import { tallyBootstraps } from '../../src/telemetry/bootstraps.ts';
import { UP, journal, type Line } from './journal.ts';

const fault = (name: string) => ({ fault: { class: name, message: name } });
const tally = (...lines: readonly Line[]) => tallyBootstraps(journal(...lines));
const service = 'service.web@1';

it('counts instances, not services', () => {
  expect(tally(...UP)).toEqual({ healthy: 2, failed: 0, byClass: {} });
});

it('counts a failed instance once, by its last class, however often it was tried', () => {
  expect(
    tally(
      [1, 'bootstrap.failed', { instance: 'web@1.1', ...fault('timeout') }],
      [2, 'bootstrap.failed', { instance: 'web@1.1', ...fault('exit-nonzero') }],
      [3, 'resource.failed', { resource: service, ...fault('crash-loop') }],
    ),
  ).toEqual({ healthy: 0, failed: 1, byClass: { 'exit-nonzero': 1 } });
});

it('counts an instance whose health never passed or that looped, and not one that only faltered', () => {
  expect(
    tally(
      [1, 'instance.unhealthy', { instance: 'web@1.1', ...fault('health-never-passed') }],
      [2, 'instance.exited', { instance: 'web@1.2', ...fault('crash-loop') }],
      [3, 'instance.exited', { instance: 'web@1.3', data: { code: 1 } }],
      [4, 'instance.healthy', { instance: 'web@1.3' }],
      [5, 'resource.failed', { resource: service, ...fault('crash-loop') }],
    ),
  ).toEqual({ healthy: 1, failed: 2, byClass: { 'health-never-passed': 1, 'crash-loop': 1 } });
});

it('counts an instance as healthy that became so in the end', () => {
  expect(
    tally([1, 'bootstrap.failed', { instance: 'web@1.1', ...fault('timeout') }], [2, 'instance.healthy', { instance: 'web@1.1' }]),
  ).toMatchObject({ healthy: 1, failed: 0 });
});

it('counts a service that failed with no word of its instances as one, by its class', () => {
  expect(
    tally([1, 'instance.healthy', { instance: 'web@1.1' }], [2, 'resource.failed', { resource: service, ...fault('health-never-passed') }]),
  ).toEqual({
    healthy: 1,
    failed: 1,
    byClass: { 'health-never-passed': 1 },
  });
});

it('counts a service that became ready with no word of its instances as one', () => {
  expect(tally([1, 'resource.ready', { resource: service }])).toEqual({ healthy: 1, failed: 0, byClass: {} });
});

it('leaves out what is not a service', () => {
  expect(
    tally(
      [1, 'resource.ready', { resource: 'volume.data@1' }],
      [2, 'resource.failed', { resource: 'secret.key@1', ...fault('secret-unresolved') }],
    ),
  ).toEqual({
    healthy: 0,
    failed: 0,
    byClass: {},
  });
});
