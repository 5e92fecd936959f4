import type { UpOutcome } from '../../app/outcomes.ts';
import { formatMoney } from '../../core/money.ts';
import type { Page } from '../page.ts';
import { pairs } from '../text/columns.ts';
import { took } from '../text/time.ts';
import { changeTable } from './changes.ts';
import { deadlineLine, endpointRows, lines, paragraphs, plural, priceLine, stateText, warningLines } from './parts.ts';
import { waterfall } from './waterfall.ts';

/** Where to reach it, how long each phase took, what it costs, when it goes, and how to end it. */
export function viewUp(outcome: UpOutcome, page: Page): string {
  const { style } = page;
  const { id, result, timings } = outcome;
  const head = `${style.bold(id)} ${headline(outcome, page)}`;
  if (result === 'detached') {
    return paragraphs([head, warningLines(outcome.warnings, style), `Follow it with: ${style.bold(`${page.self} events ${id} --follow`)}`]);
  }
  const changed = outcome.changes.filter((change) => change.action !== 'keep');
  // A new owner or deadline alone moves nothing that takes time.
  const moved = result !== 'unchanged' && (result !== 'changed' || changed.length > 0);
  const facts: (readonly [string, string])[] = [
    ['price', priceLine(outcome.hourly, outcome.untilTtl)],
    ...(outcome.costSoFar === 0 || result === 'created' ? [] : [['so far', formatMoney(outcome.costSoFar)] as const]),
    ['deadline', deadlineLine(outcome.deadline, outcome.enforcers, page)],
    ...(timings.throttled === 0 ? [] : [['throttled', `${plural(timings.throttled, 'request')}, sent again`] as const]),
  ];
  return paragraphs([
    head,
    pairsOrNothing(endpointRows(outcome.endpoints, style), page),
    result === 'changed' ? changeTable(changed, page) : '',
    moved && timings.phases.length > 0 ? waterfall(timings, page) : '',
    pairs(facts, style),
    warningLines(outcome.warnings, style),
    lines([`End it with: ${style.bold(`${page.self} down ${id}`)}`]),
  ]);
}

/** What a script asks for: the URLs. */
export function briefUp(outcome: UpOutcome): string {
  return outcome.endpoints.map((endpoint) => endpoint.url ?? `${endpoint.host}:${endpoint.port}`).join('\n');
}

function headline({ result, state, timings }: UpOutcome, { style }: Page): string {
  const time = took(timings.convergenceMs ?? timings.totalMs);
  const is = stateText(state, style);
  switch (result) {
    case 'created':
      return `${is}, created in ${time}`;
    case 'changed':
      return `${is}, changed in ${time}`;
    case 'resumed':
      return `${is}, resumed in ${time}`;
    case 'unchanged':
      return `${is}; nothing had to change`;
    case 'detached':
      return 'is coming up in the background';
  }
}

function pairsOrNothing(rows: readonly (readonly [string, string])[], page: Page): string {
  return rows.length === 0 ? '' : pairs(rows, page.style);
}
