import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import type { Call } from './calls.ts';
import type { ControlVerbs, Happening } from './control.ts';
import type { Script } from './faults.ts';
import { environmentOf } from './start.ts';
import type { Ec2Options } from './start.ts';
import type { LimitRule } from './world/limits.ts';
import type { WorldSnapshot } from './world/snapshot.ts';

/** A double in another process, told and asked through its control endpoint. */
export class RemoteEc2 {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  counts(): Promise<Readonly<Record<string, number>>> {
    return this.#ask('counts');
  }

  throttled(): Promise<Readonly<Record<string, number>>> {
    return this.#ask('throttled');
  }

  calls(): Promise<readonly Call[]> {
    return this.#ask('calls');
  }

  snapshot(): Promise<WorldSnapshot> {
    return this.#ask('world');
  }

  /** Resolves when a call stands still. */
  held(): Promise<Call> {
    return this.#ask('held-next');
  }

  release(id?: number): Promise<void> {
    return this.#ask('release', { id });
  }

  script(script: Omit<Script, 'when'>): Promise<void> {
    return this.#ask('script', script);
  }

  limit(rule: LimitRule): Promise<void> {
    return this.#ask('limit', rule);
  }

  clear(what: 'scripts' | 'limits' | 'calls'): Promise<void> {
    return this.#ask('clear', { what });
  }

  outside(happening: Happening): Promise<void> {
    return this.#ask('outside', happening);
  }

  async advance(ms: number): Promise<void> {
    await this.#ask('clock', { advanceMs: ms });
  }

  env(region?: string): Readonly<Record<string, string>> {
    return environmentOf(this.url, region);
  }

  async #ask<T>(verb: keyof ControlVerbs, told: object = {}): Promise<T> {
    const answer = await fetch(`${this.url}/_double/${verb}`, { method: 'POST', body: JSON.stringify(told) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return JSON.parse(text) as T;
  }
}

export interface SpawnedEc2 {
  readonly ec2: RemoteEc2;
  readonly pid: number;
  /** Ends the process and waits until it has gone. */
  readonly stop: () => Promise<void>;
}

/** Starts a double as a process of its own, which ends when this one does. */
export async function spawnEc2(options: Omit<Ec2Options, 'clock'> & { readonly manual?: boolean } = {}): Promise<SpawnedEc2> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url)), JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const exited = once(child, 'exit');
  const first = await Promise.race([once(lines, 'line'), exited.then(() => undefined)]);
  lines.close();
  if (first === undefined) throw new Error('the double ended before it could be asked');
  const { url } = JSON.parse(String(first[0])) as { readonly url: string };
  return {
    ec2: new RemoteEc2(url),
    pid: child.pid ?? 0,
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
}
