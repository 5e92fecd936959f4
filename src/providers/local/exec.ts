import { constants } from 'node:os';
import { Fault } from '../fault.ts';
import type { Call, ExecRequest, ExecResult, SpinRef } from '../provider.ts';
import { instanceEnvironment } from './environment.ts';
import { folderRedactor } from './keeper/logs.ts';
import { readDesired, readInstances } from './keeper/state.ts';
import type { SpinFolder } from './layout.ts';
import { commandLine } from './run.ts';

/**
 * Runs a command where and as an instance runs: its folder, environment, secrets and port. It carries the instance's mark,
 * so that nothing it leaves behind outlives the instance. What it prints into a pipe comes back without the spin's secrets.
 * @throws Fault `not-found` `instance-missing`; `invalid` `missing-command`
 */
export async function execInInstance(
  options: { readonly env: Readonly<Record<string, string | undefined>>; readonly stateTag: string },
  folder: SpinFolder,
  spin: SpinRef,
  request: ExecRequest,
  call: Call,
): Promise<ExecResult> {
  const state = readInstances(folder.instances)?.instances[request.instance];
  const wanted = state === undefined ? undefined : readDesired(folder.desired)?.wanted[state.resource];
  if (state === undefined || wanted?.kind !== 'service') {
    throw new Fault('not-found', 'instance-missing', `${spin.id} has no instance ${JSON.stringify(request.instance)}`);
  }
  const env = await instanceEnvironment(options.env, {
    folder,
    service: wanted.service,
    mark: { state: options.stateTag, id: spin.id, incarnation: spin.incarnation, resource: state.resource, instance: state.name },
    ...(state.port === undefined ? {} : { port: state.port }),
  });
  const { execa } = await import('execa');
  const [program, ...args] = commandLine(request.command);
  const result = await execa(program, args, {
    cwd: wanted.service.dir,
    env,
    extendEnv: false,
    reject: false,
    stdio: request.stdio === 'inherit' ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    stripFinalNewline: false,
    cancelSignal: call.signal,
  });
  call.signal.throwIfAborted();
  if (result.code === 'ENOENT' || result.code === 'EACCES') {
    throw new Fault('invalid', 'missing-command', `cannot run ${program} in ${wanted.service.dir}: ${result.code}`, { cause: result });
  }
  const signalled = result.signal === undefined ? 1 : 128 + constants.signals[result.signal];
  // Made now: a secret may have been issued while the command ran.
  const redactor = folderRedactor(folder);
  return {
    exitCode: result.exitCode ?? signalled,
    stdout: redactor.text(result.stdout ?? ''),
    stderr: redactor.text(result.stderr ?? ''),
  };
}
