import type { ResourceStatus, StatusOutcome } from '../../app/outcomes.ts';
import { formatMoney } from '../../core/money.ts';
import type { InstanceObservation } from '../../providers/provider.ts';
import type { Page } from '../page.ts';
import { columns, pairs } from '../text/columns.ts';
import { span } from '../text/time.ts';
import { deadlineLine, endpointRows, faultLines, lines, paragraphs, stateStyle, stateText } from './parts.ts';

/** One spin whole: what was written down beside what is seen now. */
export function viewStatus(outcome: StatusOutcome, page: Page): string {
  const { style } = page;
  const { id, state, provider, owner, failure, leaseHolder } = outcome;
  const facts: (readonly [string, string])[] = [
    ...endpointRows(outcome.endpoints, style),
    ['deadline', deadlineLine(outcome.deadline, outcome.enforcers, page)],
    ['price', `${formatMoney(outcome.hourly)} per hour, ${formatMoney(outcome.costSoFar)} so far`],
    ['spec', outcome.specFile === '-' ? 'standard input' : outcome.specFile],
    ...(leaseHolder === undefined ? [] : [['busy', leaseHolder] as const]),
    ...(page.verbose ? [['incarnation', outcome.incarnation] as const] : []),
  ];
  const instances = outcome.resources.flatMap((resource) => resource.instances);
  return paragraphs([
    `${style.bold(id)} ${stateText(state, style)}, on ${provider}, of ${owner}, ${span(outcome.ageMs)} old`,
    failure === undefined ? '' : faultLines(failure, style),
    pairs(facts, style),
    resourceTable(outcome.resources, page),
    instanceTable(instances, page),
    lines(
      outcome.enforcers
        .filter((enforcer) => !enforcer.armed)
        .map(({ name, detail }) => `${style.yellow('warning:')} ${name} is not armed: ${detail}`),
    ),
  ]);
}

function resourceTable(resources: readonly ResourceStatus[], page: Page): string {
  return columns(
    resources,
    [
      { title: 'RESOURCE', text: ({ key }) => key, shrink: { order: 2, min: 12 } },
      { title: 'STATUS', text: ({ status }) => status, style: ({ status }, style) => stateStyle(status, style) },
      { title: 'SEEN', text: ({ observed }) => observed, style: ({ observed }, style) => stateStyle(observed, style) },
      {
        title: 'REASON',
        text: ({ reason, fault }) => (fault === undefined ? reason : `${fault.class}: ${fault.message}`),
        shrink: { order: 1, min: 8 },
      },
    ],
    page,
  );
}

function instanceTable(instances: readonly InstanceObservation[], page: Page): string {
  return columns(
    instances,
    [
      { title: 'INSTANCE', text: ({ name }) => name, shrink: { order: 2, min: 8 } },
      { title: 'STATE', text: ({ state }) => state, style: ({ state }, style) => stateStyle(state, style) },
      { title: 'UP', text: ({ startedAt }) => (startedAt === undefined ? '' : span(page.now - startedAt)) },
      { title: 'RESTARTS', text: ({ restarts }) => String(restarts), align: 'right' },
      { title: 'ADDRESS', text: ({ address }) => address ?? '' },
      { title: 'RUNS AS', text: ({ runsAs }) => runsAs ?? '' },
      { title: 'REASON', text: ({ reason }) => reason, shrink: { order: 1, min: 6 } },
    ],
    page,
  );
}
