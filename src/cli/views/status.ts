import type { InstanceStatus, ResourceStatus, StatusOutcome } from '../../app/outcomes.ts';
import type { FaultNote } from '../../core/events.ts';
import { formatMoney } from '../../core/money.ts';
import type { Enforcer } from '../../providers/provider.ts';
import type { Page } from '../page.ts';
import { columns, pairs } from '../text/columns.ts';
import { cutLine, fold } from '../text/width.ts';
import { span } from '../text/time.ts';
import { deadlineLine, endpointRows, faultLines, lines, paragraphs, stateStyle, stateText } from './parts.ts';

/** Of a spin that was adopted from its tags nobody knows it. */
function specLine({ id, specFile }: StatusOutcome): string {
  if (specFile === '') return `unknown: spin adopt ${id} -f FILE`;
  return specFile === '-' ? 'standard input' : specFile;
}

/** One spin whole: what was written down beside what is seen now. */
export function viewStatus(outcome: StatusOutcome, page: Page): string {
  const { style } = page;
  const { id, state, provider, owner, failure, leaseHolder } = outcome;
  const facts: (readonly [string, string])[] = [
    ...endpointRows(outcome.endpoints, style),
    ['deadline', deadlineLine(outcome.deadline, outcome.enforcers, page)],
    ['price', `${formatMoney(outcome.hourly)} per hour, ${formatMoney(outcome.costSoFar)} so far`],
    ['spec', specLine(outcome)],
    ...(leaseHolder === undefined ? [] : [['busy', leaseHolder] as const]),
    ...(page.verbose ? [['incarnation', outcome.incarnation] as const] : []),
  ];
  const instances = outcome.resources.flatMap((resource) => resource.instances);
  return paragraphs([
    fold(`${style.bold(id)} ${stateText(state, style)}, on ${provider}, of ${owner}, ${span(outcome.ageMs)} old`, page.width),
    failure === undefined ? '' : failureLines(failure, page),
    pairs(facts, style)
      .split('\n')
      // An address is there to be copied, whole.
      .map((line, row) => (row < outcome.endpoints.length ? line : cutLine(line, page.width)))
      .join('\n'),
    resourceTable(outcome.resources, page),
    instanceTable(instances, page),
    unarmedLines(outcome.enforcers, page),
  ]);
}

/** Which enforcers are not armed: a warning where one should be, or where none is. */
function unarmedLines(enforcers: readonly Enforcer[], { style, width }: Page): string {
  const some = enforcers.some((enforcer) => enforcer.armed);
  return lines(
    enforcers
      .filter((enforcer) => !enforcer.armed)
      .map(({ name, detail, optional }) => {
        const text = `${name} is not armed: ${detail}`;
        return some && optional === true ? style.dim(fold(text, width)) : fold(`${style.yellow('warning:')} ${text}`, width);
      }),
  );
}

/** What went wrong is told whole; what was logged last is only a taste of the log. */
function failureLines(failure: FaultNote, page: Page): string {
  const [message = '', ...log] = faultLines(failure, page.style).split('\n');
  return [fold(message, page.width), ...log.map((line) => cutLine(line, page.width))].join('\n');
}

/** A reason that only repeats what stands beside it is none. */
function news(reason: string, ...beside: readonly string[]): string {
  return beside.includes(reason) ? '' : reason;
}

function resourceTable(resources: readonly ResourceStatus[], page: Page): string {
  return columns(
    resources,
    [
      { title: 'RESOURCE', text: ({ key }) => key, shrink: { order: 2, min: 12 }, cut: 'middle' },
      { title: 'STATUS', text: ({ status }) => status, style: ({ status }, style) => stateStyle(status, style) },
      { title: 'SEEN', text: ({ observed }) => observed, style: ({ observed }, style) => stateStyle(observed, style) },
      {
        title: 'REASON',
        text: ({ status, observed, reason, fault }) =>
          fault === undefined ? news(reason, status, observed) : `${fault.class}: ${fault.message}`,
        shrink: { order: 1, min: 8 },
      },
    ],
    page,
  );
}

function instanceTable(instances: readonly InstanceStatus[], page: Page): string {
  return columns(
    instances,
    [
      { title: 'INSTANCE', text: ({ name }) => name, shrink: { order: 2, min: 8 }, cut: 'middle' },
      { title: 'STATE', text: ({ state }) => state, style: ({ state }, style) => stateStyle(state, style) },
      { title: 'UP', text: ({ startedAt }) => (startedAt === undefined ? '' : span(page.now - Date.parse(startedAt))) },
      { title: 'RESTARTS', text: ({ restarts }) => String(restarts), align: 'right' },
      { title: 'ADDRESS', text: ({ address }) => address ?? '' },
      { title: 'RUNS AS', text: ({ runsAs }) => runsAs ?? '' },
      { title: 'REASON', text: ({ state, reason }) => news(reason, state), shrink: { order: 1, min: 6 } },
    ],
    page,
  );
}
