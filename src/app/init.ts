import { access, cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { messageOf, SpinError, systemCode } from '../core/errors.ts';
import { didYouMean } from '../spec/problems.ts';
import { shellWord } from '../spec/shell.ts';
import type { App } from './context.ts';
import type { InitOutcome } from './outcomes.ts';

export interface InitRequest {
  readonly template: string;
  /** Where the files go; the working directory unless told. */
  readonly dir?: string;
  /** Overwrite what is there. */
  readonly force: boolean;
}

export interface Template {
  readonly name: string;
  /** The first comment of its spec. */
  readonly summary: string;
}

/** The starter specs that `init` can copy. */
export async function templates(app: App): Promise<readonly Template[]> {
  const entries = await readdir(app.templatesDir, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const found = await Promise.all(names.toSorted().map((name) => templateOf(app.templatesDir, name)));
  return found.filter((template) => template !== undefined);
}

/** Not every folder there is a starter spec: some hold what providers give to machines. */
async function templateOf(dir: string, name: string): Promise<Template | undefined> {
  try {
    return { name, summary: summaryOf(await readFile(join(dir, name, 'spin.yaml'), 'utf8')) };
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** Copies a starter spec. @throws SpinError `usage` for an unknown template; `file-exists`, before anything is written */
export async function init(app: App, request: InitRequest): Promise<InitOutcome> {
  const known = (await templates(app)).map((template) => template.name);
  if (!known.includes(request.template)) {
    throw new SpinError('usage', `there is no template ${JSON.stringify(request.template)}`, {
      hint: didYouMean(request.template, known) ?? `one of ${known.join(', ')}`,
    });
  }
  const from = join(app.templatesDir, request.template);
  const to = resolve(app.cwd, request.dir ?? '.');
  const names = await filesOf(from);
  if (!request.force) await refuseOverwrite(to, names);
  try {
    await mkdir(to, { recursive: true });
    await cp(from, to, { recursive: true, force: true });
  } catch (thrown) {
    // A file where a folder should be, a name that is too long, a place that is not the user's, a disk that is full.
    if (systemCode(thrown) === undefined) throw thrown;
    throw new SpinError('usage', `cannot write into ${to}: ${messageOf(thrown)}`, {
      cause: thrown,
      hint: 'name a folder that can be written to',
    });
  }
  const shown = relative(app.cwd, to);
  return {
    template: request.template,
    files: names.map((name) => join(shown, name)),
    next: shown === '' ? 'spin up' : `cd ${shellWord(shown)} && spin up`,
  };
}

async function refuseOverwrite(to: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const there = await access(join(to, name)).then(
      () => true,
      () => false,
    );
    if (there) throw new SpinError('file-exists', `${join(to, name)} exists already`, { data: { file: join(to, name) } });
  }
}

async function filesOf(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .toSorted();
}

function summaryOf(text: string): string {
  const first = text.split('\n').find((line) => line.startsWith('#'));
  return first?.replace(/^#\s*/, '').trim() ?? '';
}
