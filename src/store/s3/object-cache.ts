import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder, readIfThere } from '../disk.ts';

/**
 * Texts of objects by key and ETag. A listing tells the ETag that each object has now, so what is taken from here is what
 * a request would give; only objects that changed are asked for. Kept in one file between runs, where there is one.
 */
export class ObjectCache {
  readonly #file: string | undefined;
  #texts: Map<string, { readonly etag: string; readonly text: string }> | undefined;
  #fetched = 0;

  constructor(file: string | undefined) {
    this.#file = file;
  }

  /** The text that the object has with this ETag, where it is known. */
  get(key: string, etag: string): string | undefined {
    const kept = this.#kept().get(key);
    return etag !== '' && kept?.etag === etag ? kept.text : undefined;
  }

  keep(key: string, etag: string, text: string): void {
    this.#fetched++;
    this.#kept().set(key, { etag, text });
  }

  /** Forgets what is no longer there, and writes the file where it helps the next run. Best effort: it saves time, nothing else. */
  save(present: ReadonlySet<string>): void {
    const kept = this.#kept();
    for (const key of kept.keys()) if (!present.has(key)) kept.delete(key);
    if (this.#file === undefined || this.#fetched < WORTH_WRITING) return;
    this.#fetched = 0;
    const lines = [...kept].filter(([, { text }]) => isLine(text)).map(([key, { etag, text }]) => `${key}\t${etag}\t${text}`);
    // Another process may do the same: whoever renames last has written a whole file.
    const draft = `${this.#file}.${process.pid}`;
    try {
      makeFolder(dirname(this.#file));
      writeFileSync(draft, lines.join(''), { mode: 0o600 });
      renameSync(draft, this.#file);
    } catch {
      // A full or read-only disk: the next run asks again.
      rmSync(draft, { force: true });
    }
  }

  #kept() {
    if (this.#texts !== undefined) return this.#texts;
    const texts = new Map<string, { readonly etag: string; readonly text: string }>();
    for (const line of this.#lines()) {
      const [key, etag] = line.split('\t', 2);
      if (key !== undefined && etag !== undefined) texts.set(key, { etag, text: `${line.slice(key.length + etag.length + 2)}\n` });
    }
    return (this.#texts = texts);
  }

  #lines(): readonly string[] {
    if (this.#file === undefined) return [];
    try {
      return (readIfThere(this.#file) ?? '').split('\n').filter((line) => line !== '');
    } catch {
      return [];
    }
  }
}

/** As many requests run at once: fewer are hardly noticed. */
const WORTH_WRITING = 32;

function isLine(text: string): boolean {
  return text.indexOf('\n') === text.length - 1;
}
