import { homedir } from 'node:os';
import { SpinError } from '../core/errors.ts';
import { type Installation, installationAt } from './installation.ts';

/** What one run of the shell has of the process it runs in; tests give their own. */
export interface World {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly installation: Installation;
  readonly stdin: Incoming;
  readonly stdout: Outgoing;
  readonly stderr: Outgoing;
  /** @throws SpinError `usage` where the working directory is gone */
  cwd(): string;
}

export interface Incoming extends NodeJS.ReadableStream {
  readonly isTTY?: boolean;
}

export interface Outgoing extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export function processWorld(argv: readonly string[], root: string): World {
  return {
    argv,
    env: process.env,
    home: process.env['HOME'] ?? homedir(),
    installation: installationAt(root, process.execPath),
    // Each takes a millisecond or two to make: only those that are used are made.
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      return process.stderr;
    },
    cwd() {
      try {
        return process.cwd();
      } catch (cause) {
        throw new SpinError('usage', 'the working directory is gone', { cause, hint: 'cd somewhere that exists' });
      }
    },
  };
}
