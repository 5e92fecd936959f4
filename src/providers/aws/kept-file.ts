import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../core/errors.ts';
import { digest } from '../../core/ids.ts';
import { endpointOf } from './client/endpoints.ts';
import type { AwsOptions } from './options.ts';

/** What one file keeps, by name. */
export type Entries<Entry> = Readonly<Record<string, Entry>>;

/** What the entries of a kind of file are. */
export interface Form<Entry> {
  /** What a value in the file is; undefined where it is no entry. */
  readonly entryIn: (value: object) => Entry | undefined;
  /** When it was last asked for, in milliseconds since the epoch: of two entries the younger stays. */
  readonly askedAt: (entry: Entry) => number;
}

/** Partial files of this process so far: two that are written at one time have different names. */
let partials = 0;

/**
 * The file of one region at the endpoints of these services: what an emulator says must not pass for what AWS does.
 * @param folder below the cache folder
 * @param services service IDs of the SDK
 * @param whose further texts that keep files apart
 */
export function keptFile(
  { cacheDir, env }: AwsOptions,
  folder: string,
  region: string,
  services: readonly string[],
  ...whose: string[]
): string {
  const endpoints = services.map((service) => endpointOf(env, service) ?? '');
  return join(cacheDir, folder, `${region}-${digest([...endpoints, ...whose]).slice(0, 8)}.json`);
}

/** What the file holds; nothing where it cannot be read. */
export async function readKept<Entry>(file: string, { entryIn }: Form<Entry>): Promise<Entries<Entry>> {
  try {
    const read: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (!isObject(read) || !('v' in read) || read.v !== 1 || !('entries' in read) || !isObject(read.entries)) return {};
    return Object.fromEntries(
      Object.entries(read.entries).flatMap(([name, value]: [string, unknown]) => {
        const entry = isObject(value) ? entryIn(value) : undefined;
        return entry === undefined ? [] : [[name, entry] as const];
      }),
    );
  } catch (thrown) {
    if (systemCode(thrown) !== undefined || thrown instanceof SyntaxError) return {};
    throw thrown;
  }
}

/** Adds entries to what the file holds by now, the younger of two first. What cannot be written is done without. */
export async function addKept<Entry>(file: string, entries: Entries<Entry>, form: Form<Entry>): Promise<void> {
  const partial = `${file}.${process.pid}-${++partials}.partial`;
  try {
    const merged: Record<string, Entry> = { ...(await readKept(file, form)) };
    for (const [name, entry] of Object.entries(entries)) {
      const before = merged[name];
      if (before === undefined || form.askedAt(entry) >= form.askedAt(before)) merged[name] = entry;
    }
    await mkdir(join(file, '..'), { recursive: true, mode: 0o700 });
    await writeFile(partial, JSON.stringify({ v: 1, entries: merged }), { mode: 0o600 });
    await rename(partial, file);
  } catch (thrown) {
    if (systemCode(thrown) === undefined) throw thrown;
    await rm(partial, { force: true }).catch(() => undefined);
  }
}

/** A clock that was set back must not keep an entry for ever. All in milliseconds. */
export function isWithin(at: number, ms: number, now: number): boolean {
  return now >= at && now - at < ms;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
