import { Chalk } from 'chalk';
import ora, { type Ora } from 'ora';
import { parseTime } from '../../core/clock.ts';
import { beganAt, type SpinEvent } from '../../core/events.ts';
import { clean } from '../text/clean.ts';
import { storyteller, tell, tellShort } from '../text/tell.ts';
import { took } from '../text/time.ts';
import { PLAIN, type Style } from '../text/style.ts';
import { cut, pad, widthOf } from '../text/width.ts';
import type { Outgoing } from '../world.ts';
import { shown } from './plain.ts';
import type { Reporter } from './reporter.ts';

/** How often the elapsed times move; ora turns its spinner by itself. */
const TICK_MS = 100;

/** A resource that something is happening to. */
interface Active {
  readonly spin: string;
  readonly resource: string;
  readonly since: number;
  last: string;
}

/**
 * A live list: what is under way below the spinner, with its elapsed time and last news; what is finished in lasting lines above.
 */
export function terminalReporter(stream: Outgoing, options: { readonly verbose: boolean; readonly colour: boolean }): Reporter {
  const style: Style = options.colour ? new Chalk({ level: 1 }) : PLAIN;
  const story = storyteller(options.verbose);
  const active = new Map<string, Active>();
  const spins = new Set<string>();
  let began: number | undefined;
  let phase = '';
  let finished = 0;
  let spinner: Ora | undefined;
  let told = false;
  let ticking: NodeJS.Timeout | undefined;

  const start = (): void => {
    // Ora would take the keyboard, and Ctrl-C with it.
    spinner ??= ora({ stream, text: region(), discardStdin: false, color: options.colour ? 'cyan' : false, isEnabled: true });
    if (!spinner.isSpinning) {
      spinner.start();
      stream.on('resize', redraw);
    }
    ticking ??= setInterval(refresh, TICK_MS).unref();
  };
  const stop = (): void => {
    clearInterval(ticking);
    ticking = undefined;
    stream.off('resize', redraw);
    spinner?.stop();
  };
  /** A terminal that became narrower has broken the lines that are there, and ora clears no more than it wrote. */
  const redraw = (): void => {
    if (spinner?.isSpinning !== true) return;
    const wide = Math.max(1, stream.columns ?? 80);
    const broken = `- ${spinner.text}`.split('\n').reduce((rows, line) => rows + Math.max(0, Math.ceil(widthOf(line) / wide) - 1), 0);
    spinner.clear();
    if (broken > 0) stream.write(`\u001B[${broken}A\u001B[J`);
    refresh();
    spinner.render();
  };
  const refresh = (): void => {
    if (spinner !== undefined) spinner.text = region();
  };
  const above = (line: string): void => {
    const spinning = spinner?.isSpinning === true;
    if (spinning) spinner?.clear();
    told = true;
    stream.write(`${line}\n`);
    refresh();
    if (spinning) spinner?.render();
  };
  /** No line may wrap: ora counts the lines that it has to clear. */
  const columns = (): number => Math.max(20, stream.columns ?? 80) - 1;
  const fit = (text: string, taken: number): string => cut(clean(text), columns() - taken);

  const region = (): string => {
    const now = Date.now();
    const head = [[...spins].join(', '), phase, took(now - (began ?? now)), `${finished} done`].filter((part) => part !== '').join('  ');
    const room = Math.max(1, (stream.rows ?? 24) - 5);
    const rows = [...active.values()];
    const nameOf = ({ spin, resource }: Active): string => clean(spins.size > 1 ? `${spin}  ${resource}` : resource);
    const width = Math.max(0, ...rows.slice(0, room).map((row) => widthOf(nameOf(row))));
    const lines = rows.slice(0, room).map((row) => {
      const left = fit(`    ${pad(nameOf(row), width)}  ${took(now - row.since).padStart(6)}  `, 0);
      return left + style.dim(cut(clean(row.last), Math.max(0, columns() - widthOf(left))));
    });
    const more = rows.length > room ? [style.dim(`    and ${rows.length - room} more`)] : [];
    // The cursor stands on a line of its own, since terminals differ in whether they break that one when they become narrower.
    return [fit(head, 2), ...lines, ...more, ''].join('\n');
  };

  const settle = (event: SpinEvent, mark: string): void => {
    if (event.resource !== undefined && active.delete(keyOf(event))) finished += 1;
    const subject = event.instance ?? event.resource ?? event.id;
    above(`${mark} ${fit(`${spins.size > 1 ? `${event.id}  ` : ''}${subject}  ${story(event)}`, 2)}`);
  };

  const show = (event: SpinEvent): void => {
    const end = ENDS[event.type];
    if (end === 'good') return settle(event, style.green('✔'));
    if (end === 'bad') return settle(event, style.red('✖'));
    if (event.resource !== undefined) {
      const key = keyOf(event);
      const known = active.get(key);
      const news = event.instance === undefined ? tellShort(event) : tell(event);
      if (known !== undefined) known.last = news;
      else if (event.type === 'resource.creating' || event.type === 'resource.releasing') {
        active.set(key, { spin: event.id, resource: event.resource, since: parseTime(event.time), last: news });
      }
    }
    if (options.verbose && shown(event, true)) above(style.dim(`  ${fit(tell(event), 2)}`));
    else if (WARNS.has(event.type)) above(`${style.yellow('!')} ${fit(tell(event), 2)}`);
  };

  return {
    event(event) {
      began ??= beganAt(event);
      spins.add(event.id);
      phase = event.phase;
      start();
      show(event);
      refresh();
    },
    note: (line) => above(style.yellow(fit(line, 0))),
    pause: stop,
    done() {
      stop();
      // What was told stands apart from the result below it.
      if (told) stream.write('\n');
      told = false;
    },
    abandon() {
      stop();
      stream.write('\u001B[?25h');
    },
  };
}

/** Events that end what a line stands for. */
const ENDS: Readonly<Partial<Record<SpinEvent['type'], 'good' | 'bad'>>> = {
  'resource.ready': 'good',
  'resource.released': 'good',
  'spin.unchanged': 'good',
  'resource.failed': 'bad',
  'spin.failed': 'bad',
};

/** What somebody may have to know of when the command is long over. */
const WARNS: ReadonlySet<SpinEvent['type']> = new Set([
  'instance.exited',
  'instance.restarted',
  'instance.unhealthy',
  'bootstrap.failed',
  'lease.lost',
  'snapshot.kept',
  'snapshot.skipped',
  'spin.expired',
]);

function keyOf(event: SpinEvent): string {
  return `${event.id} ${event.resource ?? ''}`;
}
