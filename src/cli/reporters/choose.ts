import type { Globals } from '../program.ts';
import type { Writer } from '../output.ts';
import { takesColour } from '../text/style.ts';
import type { Outgoing } from '../world.ts';
import { plainReporter } from './plain.ts';
import type { Reporter } from './reporter.ts';

export interface ReporterSetup {
  readonly stderr: Writer;
  /** What `stderr` writes to, for what moves on a terminal. */
  readonly stream: () => Outgoing;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly globals: Globals;
  /** Whether progress is worth showing while it happens. */
  readonly live: boolean;
}

/** A live list on a terminal, one line per change elsewhere, nothing with --quiet or JSON. */
export function makeReporter({ stderr, stream, env, globals, live }: ReporterSetup): Reporter {
  const plain = plainReporter((text) => stderr.write(text), globals.verbose);
  if (globals.quiet || globals.output === 'json') return { ...plain, event: () => undefined };
  // Without colour the list still moves; on a dumb terminal or in CI it cannot.
  if (!live || !takesColour(stderr.screen(), { ...env, NO_COLOR: '' }, true)) return plain;
  return whenLoaded(
    import('./terminal.ts').then(({ terminalReporter }) =>
      terminalReporter(stream(), { verbose: globals.verbose, colour: takesColour(stream(), env, globals.colour) }),
    ),
  );
}

/** Keeps what happens while the live reporter is still being loaded, so that the command need not wait for it. */
function whenLoaded(loading: Promise<Reporter>): Reporter {
  let reporter: Reporter | undefined;
  let over = false;
  const early: ((loaded: Reporter) => void)[] = [];
  const tell = (what: (loaded: Reporter) => void): void => {
    if (reporter === undefined) early.push(what);
    else what(reporter);
  };
  const takeOver = async (): Promise<void> => {
    reporter = await loading;
    for (const what of early) what(reporter);
    if (over) reporter.done();
  };
  void takeOver();
  return {
    event: (event) => tell((loaded) => loaded.event(event)),
    note: (line) => tell((loaded) => loaded.note(line)),
    pause: () => tell((loaded) => loaded.pause()),
    done: () => {
      over = true;
      reporter?.done();
    },
    abandon: () => reporter?.abandon(),
  };
}
