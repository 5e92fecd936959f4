/** What the tap in a process of spin is told, and what it writes down; shared by the tap and by who starts the process. */

/** The variable that holds the orders, as JSON; inherited by the keeper and by what the keeper starts. */
export const ORDERS = 'SPIN_CRASH';

/**
 * What breaks at a boundary.
 * - `kill-before`, `kill-after`: the process that makes the call ends with SIGKILL, before the effect or after it and before anything knows.
 * - `stop-before`: it stands still (SIGSTOP) before the effect, until somebody continues it.
 * - `lose-answer`: the effect is done, and the connection breaks instead of an answer.
 * - `late-answer`: the effect is done, and the answer comes after the caller has given up.
 * - `throttled`: refused for its rate, three times in a row.
 * - `unseen`: as `kill-after`, and what was made is in no list for some time.
 * - `dependency`: refused three times, as something else needs it.
 */
export const BREAKS = [
  'kill-before',
  'kill-after',
  'stop-before',
  'lose-answer',
  'late-answer',
  'throttled',
  'unseen',
  'dependency',
] as const;
export type Break = (typeof BREAKS)[number];

/** How many calls in a row are refused. */
export const REFUSALS = 3;

/** One boundary: something that a process does to the world, counted by what it is. */
export interface Point {
  /** `up`, `down`, `gc`, `extend`: a command; `keeper`: the keeper of a local spin. */
  readonly who: string;
  /** `link:record`, `ask:apply:service.web@1`, `spawn:keeper`, `ec2:RunInstances`. */
  readonly what: string;
  /** From 1: which of those that this process makes. */
  readonly nth: number;
}

export interface Orders {
  /** One line for each boundary, and for the break. */
  readonly log: string;
  /** Changes below it are boundaries. */
  readonly state: string;
  readonly at?: Point & { readonly how: Break };
  readonly pretend?: Pretence;
}

/** What a process takes its machine for. */
export interface Pretence {
  readonly host?: string;
  /** How far its clock is ahead, in milliseconds. */
  readonly skewMs?: number;
}

/** The line that a boundary, or the break, is told of in: `boundary keeper 4711 rename:desired.json 2`. */
export interface Told {
  /** `move`: a resource went from one status to another in the record that was written; `what` is `creating>booting`. */
  readonly kind: 'boundary' | 'break' | 'move';
  readonly pid: number;
  readonly point: Point;
}

export function lineOf({ kind, pid, point }: Told): string {
  return `${kind} ${point.who} ${pid} ${point.what} ${point.nth}\n`;
}

/** Whole lines alone: the last one of a process that was killed may be cut. */
export function readTold(text: string): readonly Told[] {
  return text
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => {
      const [kind, who = '', pid, what = '', nth] = line.split(' ');
      return kind === 'boundary' || kind === 'break' || kind === 'move'
        ? [{ kind, pid: Number(pid), point: { who, what, nth: Number(nth) } }]
        : [];
    });
}
