import type { GcOutcome } from '../../app/outcomes.ts';
import { deletes, type Verdict } from '../../gc/verdict.ts';
import type { Page } from '../page.ts';
import { columns } from '../text/columns.ts';
import type { Style } from '../text/style.ts';
import { lines, paragraphs, plural } from './parts.ts';

const COLOURS: Readonly<Record<Verdict['verdict'], keyof Style>> = {
  keep: 'dim',
  wait: 'dim',
  heal: 'yellow',
  mark: 'yellow',
  unmark: 'green',
  release: 'red',
  forget: 'red',
  reclaim: 'red',
};

/** Verdicts with their reasons, then what was done about them. `keep` is shown on a dry run and with --verbose. */
export function viewGc(outcome: GcOutcome, page: Page): string {
  const { dryRun, examined, unasked, passedOver, verdicts, swept, pruned } = outcome;
  const acts = dryRun
    ? verdicts.filter(({ verdict }) => deletes(verdict)).length
    : swept.filter(({ result }) => result === 'released' || result === 'forgotten' || result === 'reclaimed').length;
  const marks = (dryRun ? verdicts.filter(({ verdict }) => verdict === 'mark') : swept.filter(({ result }) => result === 'marked')).length;
  const shown = dryRun || page.verbose ? verdicts : verdicts.filter(({ verdict }) => verdict !== 'keep');
  const table = columns(
    shown,
    [
      { title: 'SUBJECT', text: ({ subject }) => subject, shrink: { order: 2, min: 10 }, cut: 'middle' },
      { title: 'VERDICT', text: ({ verdict }) => verdict, style: ({ verdict }, style) => style[COLOURS[verdict]] },
      { title: 'REASON', text: ({ reason }) => reason, shrink: { order: 1, min: 10 } },
    ],
    page,
  );
  const blind = unasked.map((problem) => `${page.style.red('not asked:')} ${problem}`);
  // Who has lost the records finds nothing, and is to know where more may be; everybody else knows where their spins are.
  const lost = page.verbose || (examined.records === 0 && examined.found === 0);
  const over = lost ? passedOver.map((name) => passedOverLine(name, page)) : [];
  const rows = lines(swept.map((row) => sweptLine(row, page)));
  return paragraphs([table, rows, lines(blind), lines([summary(dryRun, acts, marks, examined, pruned), ...over])]);
}

function passedOverLine(name: string, { self }: Page): string {
  return `${name} was not looked at: only the environment speaks of it. See what it has: ${self} ls --cloud. Sweep it too: SPIN_PROVIDER=${name} ${self} gc`;
}

function sweptLine({ subject, result, detail }: GcOutcome['swept'][number], { style }: Page): string {
  const mark = result === 'failed' ? style.red('✖') : result === 'skipped' ? style.dim('-') : style.green('✔');
  return `${mark} ${subject}  ${result}${detail === '' ? '' : `: ${detail}`}`;
}

function summary(dryRun: boolean, acts: number, marks: number, examined: GcOutcome['examined'], pruned: number): string {
  const looked = `${plural(examined.records, 'spin')} and ${plural(examined.found, 'thing')} found`;
  const marked = marks === 0 ? '' : ` yet; ${marks} ${dryRun ? 'would be' : marks === 1 ? 'was' : 'were'} marked`;
  if (acts === 0) return `Nothing to sweep${marked} (${looked}).${pruned > 0 ? ` ${pruned} old journals deleted.` : ''}`;
  if (dryRun) return `${acts} would be swept (${looked}). Nothing was changed. Sweep with: spin gc --yes`;
  return `Swept ${acts} (${looked}).${pruned > 0 ? ` ${pruned} old journals deleted.` : ''}`;
}
