/** The keeper's own entry: `keeper <folder>`, started by the local provider and by nobody else. */
import { spawn } from 'node:child_process';
import { isoTime, systemClock } from '../core/clock.ts';
import { type Emit, EVENTS } from '../core/events.ts';
import { type Incarnation, parseSpinId } from '../core/ids.ts';
import { runKeeper } from '../providers/local/keeper.ts';
import { type KeeperConfig, readConfig } from '../providers/local/keeper/state.ts';
import { configFile, MARK_VARIABLE, RUN_VARIABLE } from '../providers/local/layout.ts';
import { journalFile, openJournal } from '../store/journal.ts';

async function main(folder: string): Promise<number> {
  const config = readConfig(configFile(folder));
  // Released before this process came to run: there is nothing to keep.
  if (config === undefined) return 0;
  const going = new AbortController();
  // The services stay: a logout or a reboot's SIGTERM must not be taken for `spin down`.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => going.abort());
  const env = { ...process.env };
  await runKeeper({ config, clock: systemClock, emit: journalEmit(config), env, spawnSelf, signal: going.signal });
  return 0;
}

function journalEmit(config: KeeperConfig): Emit {
  const id = parseSpinId(config.id);
  const incarnation = config.incarnation as Incarnation;
  const journal = openJournal(journalFile(config.stateDir, id, incarnation));
  return (body) =>
    journal.append({
      v: 1,
      time: isoTime(systemClock.now()),
      id,
      incarnation,
      trace: config.trace,
      phase: EVENTS[body.type].phase,
      ...body,
    });
}

/** Runs spin without the keeper's mark, or `down` would find itself among what it has to end; in a session of its own, as it ends the keeper. */
function spawnSelf(command: readonly [string, ...string[]]): Promise<number> {
  const [program, ...args] = command;
  const env = { ...process.env, [MARK_VARIABLE]: undefined, [RUN_VARIABLE]: undefined };
  return new Promise((resolve) => {
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'inherit', 'inherit'], env });
    child.once('error', () => resolve(127));
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

// No await at the top level: the build is CommonJS.
void main(process.argv[2] ?? '').then((code) => process.exit(code));
