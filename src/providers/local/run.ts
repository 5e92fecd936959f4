import type { Command } from '../../spec/spec.ts';

/** The argument list of a command: a string goes to the shell, a list is executed as it is. */
export function commandLine(command: Command): readonly [string, ...string[]] {
  return typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
}
