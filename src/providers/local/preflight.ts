import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { messageOf, systemCode } from '../../core/errors.ts';
import type { Plan } from '../../plan/plan.ts';
import type { Command, ServiceSpec } from '../../spec/spec.ts';
import type { Check } from '../provider.ts';
import { type Desired, readDesired } from './keeper/state.ts';
import type { SpinFolder } from './layout.ts';

/** Looks at all that can be known before anything is made; a check that needs running something is left to `create`. */
export async function preflight(
  options: { readonly stateDir: string; readonly env: Readonly<Record<string, string | undefined>> },
  folder: SpinFolder,
  plan: Plan,
): Promise<readonly Check[]> {
  const checks: Check[] = [checkSystem(), checkFolder(options.stateDir)];
  const services = plan.resources.flatMap(({ desire }) => (desire.kind === 'service' ? [desire.service] : []));
  for (const service of services) checks.push(...checkService(service, options.env));
  for (const { desire } of plan.resources) {
    if (desire.kind !== 'volume' || (desire.source.from !== 'folder' && desire.source.from !== 'archive')) continue;
    const found = existsSync(desire.source.path);
    checks.push(check(`volume ${desire.name}`, found, found ? desire.source.path : `${desire.source.path} does not exist`));
  }
  checks.push(...(await checkPorts(plan, services, folder)));
  return checks;
}

function checkSystem(): Check {
  try {
    readFileSync('/proc/self/stat', 'utf8');
    return check('system', process.platform === 'linux', `${process.platform} with /proc`, 'the local provider needs Linux');
  } catch (thrown) {
    return check('system', false, `/proc cannot be read: ${messageOf(thrown)}`, 'the local provider needs Linux with /proc');
  }
}

/** Of a folder that is still to be made, the nearest one above it counts: nothing is made here. */
function checkFolder(stateDir: string): Check {
  try {
    let nearest = stateDir;
    while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
    if (!statSync(nearest).isDirectory())
      return check('state folder', false, `${nearest} is not a folder`, 'set SPIN_STATE to a folder of yours');
    accessSync(nearest, constants.W_OK | constants.X_OK);
    return check('state folder', true, stateDir);
  } catch (thrown) {
    return check('state folder', false, `${stateDir} cannot be written: ${messageOf(thrown)}`, 'set SPIN_STATE to a folder of yours');
  }
}

function checkService(service: ServiceSpec, userEnv: Readonly<Record<string, string | undefined>>): readonly Check[] {
  const name = `service ${service.name}`;
  const path = service.env['PATH'] ?? userEnv['PATH'] ?? '';
  const folder = statSync(service.dir, { throwIfNoEntry: false });
  if (folder?.isDirectory() !== true) return [check(name, false, `its folder ${service.dir} does not exist`, 'set dir: to a folder')];
  const probe = service.health.probe;
  const commands = [service.run, ...service.bootstrap.map((step) => step.run), ...(probe.type === 'command' ? [probe.run] : [])];
  // A bootstrap step may install what comes after it, so only the first command is sure to be missing.
  const first = commands[service.bootstrap.length === 0 ? 0 : 1];
  const missing = first === undefined ? undefined : missingProgram(first, service.dir, path);
  return [
    check(name, missing === undefined, missing === undefined ? service.dir : `${missing} is not on PATH`, 'install it, or correct run:'),
  ];
}

/** The program of a list that no folder of PATH holds; what a shell string will run is not guessed at. */
function missingProgram(command: Command, dir: string, path: string): string | undefined {
  if (typeof command === 'string' || command[0].includes('${')) return undefined;
  const [program] = command;
  const candidates = program.includes('/')
    ? [isAbsolute(program) ? program : join(dir, program)]
    : path.split(delimiter).map((folder) => join(folder === '' ? dir : folder, program));
  return candidates.some(isExecutable) ? undefined : program;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Fixed ports have to be free, unless this spin itself has them already. */
async function checkPorts(plan: Plan, services: readonly ServiceSpec[], folder: SpinFolder): Promise<readonly Check[]> {
  const routes = plan.resources.flatMap(({ desire }) => (desire.kind === 'route' ? [desire] : []));
  const fixed = [
    ...services.flatMap((service) =>
      typeof service.port === 'number' ? [{ name: `port of ${service.name}`, host: '127.0.0.1', port: service.port }] : [],
    ),
    ...routes.flatMap(({ service, expose }) =>
      typeof expose.port === 'number' ? [{ name: `router port of ${service}`, host: expose.host, port: expose.port }] : [],
    ),
  ];
  const own = ownPorts(folder);
  return Promise.all(
    fixed
      .filter(({ port }) => !own.has(port))
      .map(async ({ name, host, port }) => {
        const problem = await bindProblem(host, port);
        return check(name, problem === undefined, problem ?? `${port} is free`, `free port ${port}, or choose another`);
      }),
  );
}

function ownPorts(folder: SpinFolder): ReadonlySet<number> {
  let desired: Desired | undefined;
  try {
    desired = readDesired(folder.desired);
  } catch {
    return new Set();
  }
  const services = Object.values(desired?.wanted ?? {}).flatMap((wanted) => (wanted.kind === 'service' ? [wanted.service.port] : []));
  return new Set([...services, ...Object.values(desired?.routePorts ?? {})].filter((port) => typeof port === 'number'));
}

function bindProblem(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (thrown) => resolve(systemCode(thrown) === 'EADDRINUSE' ? `${port} is in use` : messageOf(thrown)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function check(name: string, ok: boolean, detail: string, hint?: string): Check {
  return { name, ok, detail, ...(ok || hint === undefined ? {} : { hint }) };
}
