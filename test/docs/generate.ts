/** Renders the pages of docs/ that are made from tables of the source. */
import { ERROR_CODES, EXIT, type ErrorRow } from '../../src/core/error-codes.ts';
import { EVENTS } from '../../src/core/events.ts';
import { FAULT_CLASSES } from '../../src/core/fault-classes.ts';
import { PHASES } from '../../src/core/phases.ts';

/** Pages by file name. */
export const PAGES: Readonly<Record<string, () => string>> = { 'errors.md': errorsPage, 'events.md': eventsPage };

const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  done: 'Done.',
  failed: 'Failed.',
  usage: 'The command line, the spec or the config is wrong; nothing was touched.',
  partial: 'Of several spins, some failed; or a provider could not be asked what is there.',
  leaseHeld: 'Another process holds the lease, or took it over.',
  declined: 'Somebody said no, nobody could be asked, or a guardrail refused.',
  internal: 'A bug in spin. Please report it.',
  interrupted: 'Stopped by SIGINT or SIGTERM; the record is true.',
};

function errorsPage(): string {
  const codes: readonly (readonly [string, ErrorRow])[] = Object.entries(ERROR_CODES);
  return page('Errors', 'src/core/error-codes.ts and src/core/fault-classes.ts', [
    '`spin` writes an error to stderr as a message, which names the wrong value and where it stands, and a hint, which is what to type next. With `--output json` the document on stdout holds `error.code`, `error.message`, `error.hint` and `error.data`. Codes and exit codes are a promise to scripts; texts are not.',
    '## Exit codes',
    table(
      ['exit code', 'meaning'],
      Object.entries(EXIT_MEANINGS)
        .map(([name, meaning]) => [exitCode(name), meaning] as const)
        .toSorted(([a], [b]) => a - b)
        .map(([code, meaning]) => [String(code), meaning]),
    ),
    '## Error codes',
    table(
      ['code', 'exit code', 'meaning', 'hint'],
      codes.map(([code, row]) => [anchored(code), String(row.exit), row.meaning, row.hint ?? '']),
    ),
    '## Fault classes',
    'Why something failed, in `failure.class`, `fault.class` and the events: finer than an error code. The set is open: where a command failed as a whole, the class is its error code.',
    table(
      ['class', 'meaning', 'what to do'],
      Object.entries(FAULT_CLASSES).map(([name, { meaning, hint }]) => [anchored(name, 'fault-'), meaning, hint]),
    ),
  ]);
}

function exitCode(name: string): number {
  return new Map<string, number>(Object.entries(EXIT)).get(name) ?? Number.NaN;
}

function eventsPage(): string {
  const events = Object.entries(EVENTS);
  return page('Events', 'src/core/events.ts', [
    'Everything that happens to a spin is an event: one line of JSON in its journal, shown by `spin events ID`. Types and fields are a promise to scripts; messages are not.',
    '## Fields',
    table(
      ['field', 'meaning'],
      [
        ['`v`', 'Version of the form: 1.'],
        ['`time`', 'ISO 8601, UTC, with milliseconds.'],
        ['`id`, `incarnation`, `trace`', 'Which spin, which life of it, and the trace ID of that life.'],
        ['`type`, `phase`', 'What happened, and to which phase it counts.'],
        ['`resource`', 'Resource key, such as `service.web@1`, where it is about one.'],
        ['`instance`', 'Instance name, such as `web@1.2`, where it is about one.'],
        ['`fault`', 'Class, message and last log lines of a failure; the classes are in [errors.md](errors.md#fault-classes).'],
        ['`ms`', 'How long that took which the event closes, in milliseconds.'],
        ['`message`, `data`', 'For people, and further facts as the type says.'],
      ],
    ),
    '## Types',
    'A type counts to its phase unless the event itself names another. Reporters show a `step` always, a `detail` with `--verbose`, a `warning` always.',
    ...PHASES.flatMap((phase) => {
      const mine = events.filter(([, row]) => row.phase === phase);
      if (mine.length === 0) return [];
      return [
        `### ${phase}`,
        table(
          ['type', 'level', 'meaning'],
          mine.map(([type, row]) => [anchored(type), row.level, row.meaning]),
        ),
      ];
    }),
  ]);
}

function page(title: string, source: string, blocks: readonly string[]): string {
  const note = `<!-- Made from ${source}. Change it there, then run: UPDATE_DOCS=1 npx vitest run test/docs -->`;
  return `${[`# ${title}`, note, ...blocks].join('\n\n')}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(escapePipes).join(' | ')} |`).join('\n');
}

function escapePipes(cell: string): string {
  return cell.replaceAll('|', String.raw`\|`);
}

/** Markdown has no anchors in tables, and a code must be linkable. */
function anchored(name: string, prefix = ''): string {
  return `<a id="${prefix}${name}"></a>\`${name}\``;
}
