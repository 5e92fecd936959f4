import type { BenchFolder } from './bench-folder.ts';
import { runAlone } from './command.ts';
import type { Section } from './figures.ts';
import { writeRecords } from './records.ts';
import { emptyNode, spin } from './spin.ts';

/** How long a command takes that has hardly anything to do. */
export async function measureStartup(folder: BenchFolder, rounds: number): Promise<Section> {
  const state = await writeRecords(folder, 100);
  const commands = [emptyNode(folder), spin(folder, ['--version']), spin(folder, ['ls'], { SPIN_STATE: state })] as const;
  // The first run of each leaves its compiled code for the next, and fills the page cache.
  for (const command of commands) runAlone(command);
  const [empty, version, ls]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    empty.push(runAlone(commands[0]).ms);
    version.push(runAlone(commands[1]).ms);
    ls.push(runAlone(commands[2]).ms);
  }
  const against = { what: 'node -e 0', values: empty };
  return {
    name: 'startup',
    notes: [`${rounds} rounds, one after the other in each; from before the process is started until it has ended`],
    figures: [
      { what: 'node -e 0', unit: 'ms', values: empty },
      { what: 'spin --version', unit: 'ms', values: version, against, target: { most: 1.3, of: 'ratio' } },
      { what: 'spin ls, 100 spins', unit: 'ms', values: ls, against, target: { most: 2, of: 'ratio' } },
    ],
  };
}
