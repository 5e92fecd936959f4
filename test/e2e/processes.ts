import { readdirSync, readFileSync } from 'node:fs';

/** A living process, as its own environment tells whose it is. */
export interface Process {
  readonly pid: number;
  readonly command: string;
  /** From its mark: absent for a command that a test started. */
  readonly spin?: string;
  readonly resource?: string;
  readonly instance?: string;
}

/** The living processes that have a variable with this value in their environment. A zombie has none any more. */
export function processesWith(variable: string, value: string): readonly Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const variables = textOf(name, 'environ').split('\0');
      if (!variables.includes(`${variable}=${value}`)) return [];
      const mark = variables.find((entry) => entry.startsWith('SPIN_MARK='));
      const [, spin = '', , resource = '', instance = ''] = mark?.slice('SPIN_MARK='.length).split('/') ?? [];
      const command = textOf(name, 'cmdline').replaceAll('\0', ' ').trim();
      return [{ pid: Number(name), command, ...(mark === undefined ? {} : { spin, resource, instance }) }];
    });
}

/** Everything that a process shows of itself to others. */
export function commandLineOf(pid: number): string {
  return textOf(String(pid), 'cmdline');
}

function textOf(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It ended meanwhile, or is another user's.
    return '';
  }
}
