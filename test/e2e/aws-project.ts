import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { expect, onTestFinished } from 'vitest';
import type { Ec2Options } from '../fakes/ec2/start.ts';
import { type RemoteEc2, spawnEc2 } from '../fakes/ec2/spawn.ts';
import type { WorldSnapshot } from '../fakes/ec2/world/snapshot.ts';
import { programOnPath } from '../fakes/moto/server.ts';
import { type Project, project } from './project.ts';

export const AWS_REGION = 'us-east-1';

/** A user's folder whose commands find the double where AWS would be. */
export interface AwsProject {
  readonly here: Project;
  readonly ec2: RemoteEc2;
}

/** @param env beside what leads to the double, such as settings of spin */
export async function awsProject(options: Omit<Ec2Options, 'clock'> = {}, env: Readonly<Record<string, string>> = {}): Promise<AwsProject> {
  const { ec2, stop } = await spawnEc2(options);
  // Before the project is made, so that it is there until that is cleaned up.
  onTestFinished(stop);
  return { here: project('project', { ...ec2.env(AWS_REGION), ...env }), ec2 };
}

/** What the double has that costs something or is in the way: an empty list is what a `down` must leave. */
export function left({ instances, groups, volumes, interfaces, parameters, schedules }: WorldSnapshot): readonly string[] {
  return [instances, groups, volumes, interfaces, parameters, schedules].flatMap((some) => some.map(({ id }) => id));
}

/** A service of the double's instances: a server on their address, which this machine has. @returns how often it was asked */
export async function listenAt(host: string, port: number): Promise<() => number> {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    response.end('ok\n');
  });
  server.listen(port, host);
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return () => asked;
}

export const awsCli = programOnPath('aws');

/** The AWS CLI, which knows nothing of spin: what it says is there, is there. */
export async function aws<Answer>(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Answer> {
  expect(awsCli).toBeDefined();
  const { stdout } = await promisify(execFile)(awsCli ?? 'aws', [...args, '--output', 'json'], {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', AWS_PAGER: '', ...env },
  });
  return JSON.parse(stdout === '' ? 'null' : stdout) as Answer;
}
