import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import type { SpinFolder } from '../layout.ts';
import { createLogTail, type LogTail } from '../log-file.ts';
import { createRedactor, type Redactor } from '../redact.ts';
import { secretsIn } from '../release.ts';
import { secretFile } from '../secrets.ts';

const POLL_MS = 100;

/** The logs of all instances, each looked after while its instance exists. */
export class InstanceLogs {
  readonly #folder: SpinFolder;
  readonly #limits: { readonly maxBytes: number; readonly files: number };
  readonly #clock: Clock;
  readonly #tails = new Map<string, LogTail>();

  constructor(folder: SpinFolder, limits: { readonly maxBytes: number; readonly files: number }, clock: Clock) {
    this.#folder = folder;
    this.#limits = limits;
    this.#clock = clock;
  }

  file(instance: string): string {
    return join(this.#folder.logs, `${instance}.log`);
  }

  /** Begins to look after a log; to be called before anything can be written to it, once its secrets are issued. */
  open(instance: string): void {
    if (this.#tails.has(instance)) return;
    const tail = createLogTail({
      file: this.file(instance),
      redactor: this.redactor(),
      maxBytes: this.#limits.maxBytes,
      keepFiles: this.#limits.files,
      clock: this.#clock,
    });
    this.#tails.set(instance, tail);
  }

  lastLines(instance: string, count = 10): readonly string[] {
    const tail = this.#tails.get(instance);
    tail?.poll();
    return tail?.lastLines(count) ?? [];
  }

  close(instance: string): void {
    const tail = this.#tails.get(instance);
    tail?.poll();
    tail?.close();
    this.#tails.delete(instance);
  }

  closeAll(): void {
    for (const instance of this.#tails.keys()) this.close(instance);
  }

  /** Knows all secrets that are issued now. */
  redactor(): Redactor {
    return folderRedactor(this.#folder);
  }

  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(POLL_MS, signal).catch(() => undefined);
      for (const tail of this.#tails.values()) tail.poll();
    }
  }
}

/** A redactor for all secrets that a folder holds now. */
export function folderRedactor(folder: SpinFolder): Redactor {
  return createRedactor(secretsIn(folder).flatMap((name) => valueOf(secretFile(folder.secrets, name))));
}

function valueOf(file: string): readonly string[] {
  try {
    return [readFileSync(file, 'utf8')];
  } catch {
    return [];
  }
}
