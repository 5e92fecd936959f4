import { formatMoney, type Known, type NanoUsd } from '../../core/money.ts';
import type { FaultNote } from '../../core/events.ts';
import type { SpinState } from '../../lifecycle/state.ts';
import type { Check, Endpoint, Enforcer } from '../../providers/provider.ts';
import type { Page } from '../page.ts';
import type { Style } from '../text/style.ts';
import { deadlineText } from '../text/time.ts';

/** The parts that more than one view shows, so that the same thing looks the same everywhere. */

/** Paragraphs, with an empty line between those that have something to say. */
export function paragraphs(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}

export function lines(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n');
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

export function stateStyle(state: SpinState | string, style: Style): (text: string) => string {
  if (state === 'up' || state === 'ready' || state === 'healthy' || state === 'running') return style.green;
  if (state === 'failed' || state === 'expired' || state === 'unhealthy' || state === 'exited') return style.red;
  return state === 'released' ? style.dim : style.yellow;
}

/** `is up`, `has failed`. */
export function stateText(state: SpinState, style: Style): string {
  const has = state === 'failed' || state === 'expired';
  return `${has ? 'has' : 'is'} ${stateStyle(state, style)(state)}`;
}

/** `in 7h 59m (Tue 14:03), by keeper`; red words where nothing enforces it. */
export function deadlineLine(deadline: string, enforcers: readonly Enforcer[], page: Page): string {
  const armed = enforcers.filter((enforcer) => enforcer.armed).map((enforcer) => enforcer.name);
  const by = armed.length > 0 ? `, enforced by ${armed.join(' and ')}` : `, ${page.style.red('enforced by nothing')} but spin gc`;
  return deadlineText(deadline, page.now) + by;
}

export function priceLine(hourly: Known<NanoUsd>, until: Known<NanoUsd>): string {
  return `${formatMoney(hourly)} per hour, ${formatMoney(until)} until the deadline`;
}

/** One line per endpoint: where to reach what. */
export function endpointRows(endpoints: readonly Endpoint[], style: Style): readonly (readonly [string, string])[] {
  return endpoints.map((endpoint) => [endpoint.service, style.bold(style.cyan(endpoint.url ?? `${endpoint.host}:${endpoint.port}`))]);
}

/** Checks that did not pass, with what to do; all of them where `every` is set. */
export function checkLines(checks: readonly Check[], style: Style, every: boolean): string {
  return lines(
    checks
      .filter((check) => every || !check.ok)
      .flatMap((check) => [
        `${check.ok ? style.green('✔') : style.red('✖')} ${check.name}  ${style.dim(check.detail)}`,
        check.ok || check.hint === undefined ? '' : `  ${style.cyan('hint:')} ${check.hint}`,
      ]),
  );
}

export function warningLines(warnings: readonly string[], style: Style): string {
  return lines(warnings.map((warning) => `${style.yellow('warning:')} ${warning}`));
}

/** A failure with the last log lines of what failed. */
export function faultLines(fault: FaultNote, style: Style, indent = ''): string {
  const log = (fault.lastLines ?? []).map((line) => style.dim(`${indent}  | ${line}`));
  return [`${indent}${style.red(fault.class)}: ${fault.message}`, ...log].join('\n');
}
