import { closeSync, createWriteStream, openSync, statSync } from 'node:fs';
import type { execa } from 'execa';
import { Fault } from '../../fault.ts';
import { bootId, identify, type Identity } from '../processes.ts';

/** How a process ended. Both are undefined where nobody saw it. */
export interface Exit {
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

export interface Started {
  readonly identity: Identity;
  readonly exited: Promise<Exit>;
}

export interface Start {
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Written by the process itself, so that it neither blocks nor dies when its keeper does. */
  readonly log: string;
}

/** Starts a process as leader of its own session and group. @throws Fault `invalid` `missing-command`, `missing-folder` */
export type StartProcess = (start: Start) => Started;

/** Loads what starts processes: apart from the keeper's own start, which somebody waits for. */
export async function processStarter(): Promise<StartProcess> {
  const loaded = await import('execa');
  return (start) => startWith(loaded.execa, start);
}

function startWith(run: typeof execa, start: Start): Started {
  const [program, ...args] = start.command;
  if (statSync(start.cwd, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new Fault('invalid', 'missing-folder', `cannot run ${program}: folder ${start.cwd} does not exist`);
  }
  const log = openSync(start.log, 'a', 0o600);
  try {
    // Only as a stream does execa take a descriptor; it hands it on as it is, and nothing flows through this process.
    const output = createWriteStream('', { fd: log, autoClose: false });
    const child = run(program, args, {
      cwd: start.cwd,
      env: start.env,
      extendEnv: false,
      detached: true,
      cleanup: false,
      reject: false,
      stdio: ['ignore', output, output],
      buffer: false,
    });
    const exited = child.then((result): Exit => ({ code: result.exitCode, signal: result.signal }));
    // Not yet reaped, so it is in the process table even where it ended at once.
    const identity = child.pid === undefined ? undefined : (identify(child.pid) ?? { pid: child.pid, startTime: '', boot: bootId() });
    if (identity === undefined)
      throw new Fault('invalid', 'missing-command', `cannot run ${program}: it is not a program that can be executed`);
    return { identity, exited };
  } finally {
    closeSync(log);
  }
}
