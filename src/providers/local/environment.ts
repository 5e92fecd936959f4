import { join } from 'node:path';
import type { ServiceSpec } from '../../spec/spec.ts';
import { type Mark, MARK_VARIABLE, RUN_VARIABLE, type SpinFolder, writeMark } from './layout.ts';
import { readSecrets, secretFile } from './secrets.ts';

export interface InstanceFacts {
  readonly folder: SpinFolder;
  readonly mark: Mark;
  /** Number of the start; left out for bootstrap steps, health commands and hooks. */
  readonly run?: number;
  readonly service: ServiceSpec;
  readonly port?: number;
}

/**
 * The environment of a process of an instance: the user's own, then spin's facts, volumes, the spec's `env`, secrets, and last
 * what nothing may override: the port that is allocated and the mark that the process is found by.
 */
export async function instanceEnvironment(
  user: Readonly<Record<string, string | undefined>>,
  facts: InstanceFacts,
): Promise<Record<string, string>> {
  const { folder, service, mark } = facts;
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(user)) if (value !== undefined) environment[name] = value;
  // Another program's port must not be taken for this instance's.
  delete environment['PORT'];
  delete environment[RUN_VARIABLE];
  const scratch = scratchFolder(folder, mark.instance);
  Object.assign(environment, {
    TMPDIR: scratch,
    SPIN_ID: mark.id,
    SPIN_SERVICE: service.name,
    SPIN_INSTANCE: mark.instance,
    SPIN_INSTANCE_DIR: scratch,
  });
  for (const use of service.volumes) environment[use.variable] = join(folder.volumes, use.volume);
  Object.assign(environment, service.env);
  const asVariable = service.secrets.filter((use) => use.as === 'env');
  const values = await readSecrets(
    folder.secrets,
    asVariable.map((use) => use.secret),
  );
  for (const use of asVariable) environment[use.variable] = values[use.secret] ?? '';
  for (const use of service.secrets) if (use.as === 'file') environment[use.variable] = secretFile(folder.secrets, use.secret);
  if (facts.port !== undefined) environment['PORT'] = String(facts.port);
  environment[MARK_VARIABLE] = writeMark(mark);
  if (facts.run !== undefined) environment[RUN_VARIABLE] = String(facts.run);
  return environment;
}

/** A folder that is the instance's own and goes with it. */
export function scratchFolder(folder: SpinFolder, instance: string): string {
  return join(folder.scratch, instance);
}
