import type { App, Question } from '../app/context.ts';
import { EXIT } from '../core/error-codes.ts';
import type { Answer, Command } from './command.ts';
import { COMMANDS } from './commands/index.ts';
import { documentOf, printDocument, printEnd, printItem } from './document.ts';
import { type Failure, failureOf } from './failure.ts';
import { asksForJson, commandName, readBare } from './line.ts';
import { type Screen, type Writer, asLines, writerOn } from './output.ts';
import type { Page } from './page.ts';
import type { Globals, Parsed } from './program.ts';
import { makeReporter } from './reporters/choose.ts';
import type { Reporter } from './reporters/reporter.ts';
import { listenForSignals } from './signals.ts';
import { makeStyle, takesColour } from './text/style.ts';
import { VERSION } from './version.ts';
import { type World, processWorld } from './world.ts';

/** Runs one command line in this process and ends it with the right exit code, everything printed. */
export async function runShell(argv: readonly string[], root: string): Promise<void> {
  const exit = await runIn(processWorld(argv, root), { stdout: 1, stderr: 2 });
  process.exitCode = exit;
  // Everything is flushed. A handle that a use case left behind must not keep a finished command alive.
  process.exit();
}

interface Desk {
  readonly world: World;
  readonly stdout: Writer;
  readonly stderr: Writer;
}

/**
 * Runs one command line in a world; everything is written when it resolves.
 * @param descriptors what the world's streams lead to, where they are those of this process
 * @returns the exit code
 */
export async function runIn(world: World, descriptors?: { readonly stdout: number; readonly stderr: number }): Promise<number> {
  const desk: Desk = {
    world,
    stdout: writerOn(() => world.stdout, descriptors?.stdout),
    stderr: writerOn(() => world.stderr, descriptors?.stderr),
  };
  const { argv } = world;
  let parsed: Parsed | undefined;
  try {
    if (argv[0] === 'complete') return await complete(desk);
    parsed =
      readBare(argv, COMMANDS) ?? (await import('./program.ts')).parse(argv, COMMANDS, VERSION, () => helpWidth(desk.stdout.screen()));
    if (parsed.kind === 'print') {
      await desk.stdout.write(asLines(parsed.text));
      return 0;
    }
    return await runCommand(desk, parsed.command, parsed.input, parsed.globals);
  } catch (thrown) {
    const run = parsed?.kind === 'run' ? parsed : undefined;
    const name = run?.command.name ?? commandName(argv, COMMANDS);
    return fail(
      desk,
      failureOf(thrown),
      name,
      run?.globals ?? guessedGlobals(argv),
      run?.input.flag('follow') ?? argv.includes('--follow'),
    );
  }
}

type Run = Extract<Parsed, { kind: 'run' }>;

async function runCommand(desk: Desk, command: Command, input: Run['input'], globals: Globals): Promise<number> {
  const { world } = desk;
  const reporter = makeReporter({
    stderr: desk.stderr,
    stream: () => world.stderr,
    env: world.env,
    globals,
    live: command.mutates,
  });
  // Who interrupts a question reads of it once, when it ends the command.
  let asking = false;
  const interrupt = listenForSignals(
    (line) => (command.mutates && !asking && !globals.quiet && globals.output !== 'json' ? reporter.note(line) : undefined),
    () => reporter.abandon(),
    command.resume,
  );
  // Where spin ends by a fault of its own, what happened until then is told all the same.
  const lastWords = (): void => reporter.abandon();
  process.once('exit', lastWords);
  let app: App | undefined;
  try {
    const { compose } = await import('./compose.ts');
    app = await compose(world, globals, {
      signal: interrupt.signal,
      report: (event) => reporter.event(event),
      ask: async (question) => {
        asking = true;
        return ask(question, world, reporter, interrupt.signal).finally(() => (asking = false));
      },
    });
    for (const warning of globals.quiet ? [] : app.config.warnings) reporter.note(`warning: ${warning}`);
    const answer = await command.run(app, { ...input, interactive: () => world.stderr.isTTY === true && world.stdin.isTTY === true });
    if (answer.kind === 'result' && !globals.quiet) for (const warning of answer.warnings) reporter.note(`warning: ${warning}`);
    reporter.done();
    // A slow reader of both gets the story whole, and the result after it.
    await desk.stderr.settled();
    if (answer.kind === 'result') return await printResult(desk, answer, command, globals);
    await printStream(desk, answer, command, globals);
    return interrupt.signal.aborted ? EXIT.interrupted : EXIT.done;
  } catch (thrown) {
    // Who stops looking on needs no explanation.
    if (interrupt.signal.aborted && thrown === interrupt.signal.reason && !command.mutates && globals.output === 'text')
      return EXIT.interrupted;
    throw thrown;
  } finally {
    // What happened last is told to those who share the state, before this process is gone.
    await app?.store.flush?.();
    reporter.done();
    await desk.stderr.settled();
    process.off('exit', lastWords);
    interrupt.dispose();
  }
}

async function ask(question: Question, world: World, reporter: Reporter, signal: AbortSignal): Promise<boolean> {
  reporter.pause();
  const { askOnTerminal } = await import('./confirm.ts');
  return askOnTerminal(question, world, signal);
}

async function printResult(desk: Desk, answer: Extract<Answer, { kind: 'result' }>, command: Command, globals: Globals): Promise<number> {
  const { exit, outcome, problem } = answer;
  if (globals.output === 'json') {
    const error = problem === undefined ? {} : { error: problem };
    await desk.stdout.write(printDocument(documentOf(command.name, exit, { result: outcome, ...error })));
    return exit;
  }
  const page = await pageFor(desk.stdout.screen(), desk.world, globals);
  await desk.stdout.write(asLines(globals.quiet ? answer.brief() : answer.view(page)));
  if (problem !== undefined) await printFailure(desk, { ...problem, data: {}, exit, stack: '' }, globals);
  return exit;
}

async function printStream(desk: Desk, answer: Extract<Answer, { kind: 'stream' }>, command: Command, globals: Globals): Promise<void> {
  const page = await pageFor(desk.stdout.screen(), desk.world, globals);
  for await (const item of answer.items) {
    const text =
      globals.output === 'json'
        ? printItem(command.name, item)
        : `${answer.line(item as never, page, desk.stdout.screen().isTTY === true)}\n`;
    await desk.stdout.write(text);
    if (desk.stdout.closed.aborted) break;
  }
}

/** @param follows it was to print a stream: what ends that stays one line per document, as the items are */
async function fail(desk: Desk, failure: Failure, command: string | undefined, globals: Globals, follows: boolean): Promise<number> {
  if (globals.output === 'json') {
    const { code, message, hint, data } = failure;
    const stack = globals.verbose ? { stack: failure.stack } : {};
    const error = { code, message, ...(hint === undefined ? {} : { hint }), ...(Object.keys(data).length === 0 ? {} : { data }), ...stack };
    const document = documentOf(command, failure.exit, { error });
    await desk.stdout.write(follows ? printEnd(document) : printDocument(document));
    return failure.exit;
  }
  await printFailure(desk, failure, globals);
  return failure.exit;
}

async function printFailure(desk: Desk, failure: Failure, globals: Globals): Promise<void> {
  const [{ viewFailure }, page] = await Promise.all([import('./views/failure.ts'), pageFor(desk.stderr.screen(), desk.world, globals)]);
  await desk.stderr.write(asLines(viewFailure(failure, page, VERSION)));
}

async function pageFor(stream: Screen, world: World, globals: Globals): Promise<Page> {
  return {
    width: stream.isTTY === true ? (stream.columns ?? 80) : Infinity,
    style: await makeStyle(takesColour(stream, world.env, globals.colour)),
    now: Date.now(),
    verbose: globals.verbose,
    self: world.env['npm_package_name'] === 'spin' ? 'npm run spin --' : 'spin',
  };
}

async function complete(desk: Desk): Promise<number> {
  const { offers } = await import('./completion.ts');
  await desk.stdout.write(asLines(await offers(desk.world)));
  return 0;
}

function helpWidth(stream: Screen): number {
  return stream.isTTY === true ? Math.min(stream.columns ?? 80, 100) : 100;
}

/** For a line that could not be read: how its failure is to be shown. */
function guessedGlobals(argv: readonly string[]): Globals {
  return {
    output: asksForJson(argv) ? 'json' : 'text',
    quiet: false,
    verbose: argv.includes('--verbose') || argv.includes('-v'),
    colour: !argv.includes('--no-color'),
    config: true,
    yes: false,
  };
}
