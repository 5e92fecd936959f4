import { SpinError } from '../core/errors.ts';
import { Fault } from '../providers/fault.ts';
import { survey } from '../lifecycle/survey.ts';
import { spinOf } from '../lifecycle/work.ts';
import type { App } from './context.ts';
import { knownService } from './logs.ts';
import { lookAt } from './look.ts';
import type { ExecOutcome } from './outcomes.ts';

export interface ExecRequest {
  readonly id?: string;
  /** A service, for its first instance that runs, or `service/2` for its second. */
  readonly target: string;
  readonly command: readonly [string, ...string[]];
  readonly stdio: 'inherit' | 'pipe';
}

/** Runs a command with the environment of an instance. The exit code is the command's own. @throws SpinError `service-not-found`, `exec-failed` */
export async function exec(app: App, request: ExecRequest): Promise<ExecOutcome> {
  const { stored, provider, call } = await lookAt(app, request.id);
  const { record } = stored;
  const [service = '', ordinal] = request.target.split('/');
  knownService(record, service);
  const { resources, observations } = await survey({ provider, call }, record);
  const running = resources
    .filter((resource) => resource.address === `service.${service}`)
    .toSorted((a, b) => b.generation - a.generation)
    .flatMap((resource) => observations.get(resource.key)?.instances ?? [])
    .filter((instance) => instance.runsAs !== undefined);
  const instance = ordinal === undefined ? running[0] : running.find((candidate) => candidate.name.endsWith(`.${ordinal}`));
  if (instance === undefined) {
    const names = running.map((candidate) => candidate.name).join(', ');
    throw new SpinError('service-not-found', `no instance ${JSON.stringify(request.target)} of ${record.id} runs`, {
      hint: names === '' ? `spin status ${record.id}` : `running: ${names}`,
    });
  }
  try {
    const result = await provider.exec(spinOf(record), { instance: instance.name, command: request.command, stdio: request.stdio }, call);
    return { id: record.id, instance: instance.name, ...result };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    throw new SpinError('exec-failed', thrown.message, { cause: thrown });
  }
}
