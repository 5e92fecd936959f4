import { expect } from 'vitest';
import type { StatusOutcome, UpOutcome } from '../../src/app/outcomes.ts';
import type { SpinEvent } from '../../src/core/events.ts';
import { fixture, type Project, until } from '../e2e/project.ts';

/** One resource of every kind, and a service that needs another. */
export const shop = (level = 'one'): string => `
name: shop
ttl: 1h
secrets: { token: { generate: 24 } }
volumes: { data: {} }
services:
  db: { run: "exec sleep 1000", volumes: [data], secrets: [token], health: { alive: 20ms } }
  web:
    run: [node, ${JSON.stringify(fixture('e2e-server.cjs'))}]
    needs: [db]
    expose: auto
    env: { LEVEL: ${level} }
    health: { http: /healthz, interval: 50ms }
`;

export const INSTANCES = ['db@1.1', 'web@1.1'];

/** The first event of the command of this type about a resource of this kind: `resource.creating service`. */
export function isAt(point: string): (event: SpinEvent) => boolean {
  const [type, kind] = point.split(' ');
  return (event) => event.type === type && (kind === undefined || event.resource?.startsWith(`${kind}.`) === true);
}

/** Runs a command and kills it as soon as an event stands in the journal. @returns false where it ended before */
export async function killAt(here: Project, args: readonly string[], at: (event: SpinEvent) => boolean): Promise<boolean> {
  const seen = here.journal('shop').length;
  const started = here.start(args);
  let over = false;
  void started.ended.finally(() => (over = true));
  await until(() => over || here.journal('shop').slice(seen).some(at), 'the moment to kill', 20_000, 1);
  started.kill('SIGKILL');
  return (await started.ended).signal === 'SIGKILL';
}

/** Everything is there once: as an undisturbed `up` makes it, and another `up` finds nothing to do. */
export async function expectWhole(here: Project, instances: readonly string[] = INSTANCES): Promise<void> {
  const { result } = await here.json<StatusOutcome>(['status', 'shop']);
  expect(result.state).toBe('up');
  expect(result.resources.map(({ status, observed }) => [status, observed])).toEqual(result.resources.map(() => ['ready', 'running']));
  expect(
    here
      .services()
      .map(({ instance = '' }) => instance)
      .toSorted(),
  ).toEqual(instances);
  expect(here.processes().filter(({ instance }) => instance === 'keeper')).toHaveLength(1);
  expect(here.folders('shop')).toHaveLength(1);
  const answer = await fetch(result.endpoints.find(({ via }) => via === 'route')?.url ?? '');
  expect(await answer.json()).toMatchObject({ instance: instances.find((name) => name.startsWith('web')) });
  expect((await here.json<UpOutcome>(['up'])).result.result).toBe('unchanged');
}

export async function expectGone(here: Project): Promise<void> {
  expect(await here.json(['down', 'shop', '--yes'])).toMatchObject({ ok: true, result: { spins: [{ left: [] }] } });
  await expectEmpty(here);
}

/** Nothing is left. What a keeper had begun to run before it ended, such as a `down` at the deadline, may end in a moment. */
export async function expectEmpty(here: Project): Promise<void> {
  await until(() => here.leftovers().length === 0, 'nothing is left', 2_000).catch(() => undefined);
  expect(here.leftovers()).toEqual([]);
}

export function pidOf(here: Project, instance: string): number | undefined {
  return here.processes().find((process) => process.instance === instance)?.pid;
}
