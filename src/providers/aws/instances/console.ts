import { EC2Client, GetConsoleOutputCommand } from '@aws-sdk/client-ec2';
import type { FaultNote } from '../../../core/events.ts';
import type { Call } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { isClass, unless } from '../fault-class.ts';
import { isGone, type Machine } from './machine.ts';

/** One line that a machine wrote about itself; templates/aws/agent.py writes them. */
export interface ConsoleLine {
  readonly spin: string;
  readonly instance: string;
  /** `boot`, `secrets`, `volume/NAME`, `bootstrap/NAME`, `start`, `health`, `exit`, `given-up`, `deadline`. */
  readonly step: string;
  readonly ok: boolean;
  /** When it was written, by the machine's clock; milliseconds since the epoch. */
  readonly at: number | undefined;
  readonly ms: number | undefined;
  /** Class of a failure, one of ours. */
  readonly class: string | undefined;
  readonly message: string;
  readonly code: number | undefined;
  readonly lastLines: readonly string[];
}

const FIRST_PAUSE_MS = 1_000;
const LAST_PAUSE_MS = 15_000;
/** How long after its end the last words of a machine may be missing: AWS promises them "shortly after" it, and says no number. */
const LAST_WORDS_MS = 30_000;
const LINE = /spin: (\{"v":1,.*\})\s*$/;

interface Entry {
  lines: readonly ConsoleLine[];
  text: string;
  nextAt: number;
  pause: number;
  /** How many lines were told as events. */
  told: number;
  /** When it was first looked at after it had ended itself. */
  endedBy: number | undefined;
}

/** The consoles of machines: each is a request of its own, so that they are read only where nothing else tells, with growing pauses. */
export class Consoles {
  readonly #cloud: Cloud;
  readonly #entries = new Map<string, Entry>();

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
  }

  /** What a machine wrote about itself, as of the last reading that was due. @throws Fault */
  async lines(machine: Machine, call: Call): Promise<readonly ConsoleLine[]> {
    const now = call.clock.now();
    const entry = this.#entry(machine.id);
    if (now < entry.nextAt) return entry.lines;
    entry.nextAt = now + entry.pause;
    entry.text = await this.text(machine, call);
    const lines = readConsole(entry.text);
    // Whoever writes more is looked at again soon.
    entry.pause = lines.length > entry.lines.length ? FIRST_PAUSE_MS : Math.min(LAST_PAUSE_MS, entry.pause * 1.6);
    entry.nextAt = now + entry.pause;
    if (lines.length > 0) entry.lines = lines;
    return entry.lines;
  }

  /**
   * What a machine wrote that ended itself, read anew: its last words come when it does not run any more.
   * @returns its lines, and whether what explains its end may still come
   * @throws Fault
   */
  async lastWords(machine: Machine, call: Call): Promise<{ readonly lines: readonly ConsoleLine[]; readonly mayCome: boolean }> {
    const now = call.clock.now();
    const entry = this.#entry(machine.id);
    if (entry.endedBy === undefined) {
      entry.endedBy = now;
      entry.nextAt = now;
      entry.pause = FIRST_PAUSE_MS;
    }
    const lines = await this.lines(machine, call);
    const endedAt = Math.min(machine.endedAt ?? now, entry.endedBy);
    const said = lines.some(({ step, ok }) => !ok || step === 'start');
    return { lines, mayCome: !said && now - endedAt < LAST_WORDS_MS };
  }

  #entry(id: string): Entry {
    const entry = this.#entries.get(id) ?? { lines: [], text: '', nextAt: 0, pause: FIRST_PAUSE_MS, told: 0, endedBy: undefined };
    this.#entries.set(id, entry);
    return entry;
  }

  /** Lines that were not given before: each is told once. */
  news(machine: Machine): readonly ConsoleLine[] {
    const entry = this.#entries.get(machine.id);
    if (entry === undefined) return [];
    const news = entry.lines.slice(entry.told);
    entry.told = entry.lines.length;
    return news;
  }

  /** All that its console shows, the last 64 KiB. @throws Fault */
  async text(machine: Machine, call: Call): Promise<string> {
    const ask = (Latest: boolean) => this.#cloud.send(EC2Client, new GetConsoleOutputCommand({ InstanceId: machine.id, Latest }), call);
    const asked = await unless(['InvalidInstanceID.NotFound', 'IncorrectInstanceState'], async () => {
      try {
        return await ask(!isGone(machine));
      } catch (thrown) {
        // Only machines of the Nitro kind show their console while they run.
        if (!isClass(thrown, 'UnsupportedOperation')) throw thrown;
        return await ask(false);
      }
    });
    return Buffer.from(asked?.Output ?? '', 'base64').toString('utf8');
  }
}

/** The structured lines of a console, in order; what is not one, or is damaged, is left out. */
export function readConsole(text: string): readonly ConsoleLine[] {
  return text.split('\n').flatMap((line) => {
    const json = LINE.exec(line)?.[1];
    return json === undefined ? [] : (readLine(json) ?? []);
  });
}

/** The failure that stands at the end of what a machine wrote, if any: what came after it made it good. */
export function failureIn(lines: readonly ConsoleLine[], instance: string): FaultNote | undefined {
  const last = lines.findLast(({ step }) => step !== 'health' && step !== 'exit' && step !== 'deadline');
  return last === undefined || last.ok ? undefined : noteOf(last, instance);
}

/** A line that tells of a failure, as events and records carry it. */
export function noteOf(line: ConsoleLine, instance: string): FaultNote {
  return {
    class: line.class ?? 'exit-nonzero',
    message: `${instance}: ${line.message}`,
    ...(line.lastLines.length === 0 ? {} : { lastLines: line.lastLines }),
  };
}

function readLine(json: string): ConsoleLine | undefined {
  let read: unknown;
  try {
    read = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof read !== 'object' || read === null || !('step' in read) || typeof read.step !== 'string') return undefined;
  const value = new Map<string, unknown>(Object.entries(read));
  const text = (name: string): string | undefined => {
    const found = value.get(name);
    return typeof found === 'string' ? found : undefined;
  };
  const number = (name: string): number | undefined => {
    const found = value.get(name);
    return typeof found === 'number' ? found : undefined;
  };
  const lastLines = value.get('lastLines');
  return {
    spin: text('spin') ?? '',
    instance: text('instance') ?? '',
    step: read.step,
    ok: value.get('ok') === true,
    at: number('at'),
    ms: number('ms'),
    class: text('class'),
    message: text('message') ?? '',
    code: number('code'),
    lastLines: Array.isArray(lastLines) ? lastLines.filter((line) => typeof line === 'string') : [],
  };
}
