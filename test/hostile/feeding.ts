/** Feeds one case after the other, and says of each what came of it. */
import { isSpinError } from '../../src/core/errors.ts';
import { Fault } from '../../src/providers/fault.ts';
import { Dice } from './dice.ts';
import type { Kind } from './kind.ts';

/** Milliseconds that one input may take where its kind says nothing else. */
export const USUAL_CAP_MS = 2_000;

export interface Failure {
  readonly kind: string;
  readonly index: number;
  /** `TypeError: ...`, `2100 ms`, `hangs`. */
  readonly why: string;
  readonly stack: string;
  readonly input: string;
}

export interface Fed {
  readonly accepted: number;
  readonly refused: number;
  readonly slowestMs: number;
  readonly failures: readonly Failure[];
}

/** @param on called before each case */
export async function feedAll(
  kind: Kind,
  seed: number,
  indices: readonly number[],
  folder: string,
  on: (index: number) => void,
): Promise<Fed> {
  let [accepted, refused, slowestMs] = [0, 0, 0];
  const failures: Failure[] = [];
  for (const index of indices) {
    on(index);
    const input = kind.make(new Dice(`${seed}/${kind.name}/${index}`), index);
    const [began, used] = [performance.now(), process.cpuUsage()];
    let wrong: unknown;
    try {
      await input.feed(folder);
      accepted++;
    } catch (thrown) {
      if (isSpinError(thrown) || thrown instanceof Fault) refused++;
      else wrong = thrown;
    }
    // On a machine that has other things to do, the time that was used tells; elsewhere both are the same.
    const ms = Math.min(performance.now() - began, process.cpuUsage(used).user / 1_000);
    slowestMs = Math.max(slowestMs, ms);
    const tooSlow = ms > (kind.capMs ?? USUAL_CAP_MS) ? `took ${Math.round(ms)} ms` : undefined;
    const why = wrong !== undefined ? said(wrong) : (pollution() ?? tooSlow);
    if (why === undefined) continue;
    failures.push({
      kind: kind.name,
      index,
      why: cut(why, 600),
      stack: wrong instanceof Error ? cut(wrong.stack ?? '', 3_000) : '',
      input: cut(input.show(), 4_000),
    });
  }
  return { accepted, refused, slowestMs, failures };
}

const PROTOTYPES = {
  Object: Object.prototype,
  Array: Array.prototype,
  Function: Function.prototype,
  String: String.prototype,
  Map: Map.prototype,
};
const WHOLE = membersOf();

function membersOf(): string {
  return Object.entries(PROTOTYPES)
    .map(([name, prototype]) => `${name}: ${Reflect.ownKeys(prototype).map(String).join(' ')}`)
    .join('\n');
}

/** What an input has added to what every object has; taken away again, so that the next case is judged by itself. */
function pollution(): string | undefined {
  const now = membersOf();
  if (now === WHOLE) return undefined;
  for (const [name, prototype] of Object.entries(PROTOTYPES)) {
    const own = WHOLE.split('\n').find((line) => line.startsWith(`${name}: `)) ?? '';
    for (const key of Reflect.ownKeys(prototype)) if (!own.split(' ').includes(String(key))) Reflect.deleteProperty(prototype, key);
  }
  return 'a prototype was changed';
}

function said(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : `threw ${typeof thrown}`;
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}... (${text.length} characters)`;
}
