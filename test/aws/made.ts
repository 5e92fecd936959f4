import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { InternalError } from '../../src/core/errors.ts';
import { findMoto } from '../fakes/moto/server.ts';
import { actionsFor } from './actions.ts';
import { NOTES_VARIABLE } from './noted.ts';
import { ALLOWED } from './policy.ts';

/**
 * Holds docs/iam-policy.json to the calls that the tests really made. The processes of a run write down what spin asked for, whichever
 * test it was in, and only when all have ended is it compared; so neither the order of the tests nor their number of processes matters.
 * After any run nothing may have been called that the policy does not allow. After a whole run (every file, with moto on the machine, and
 * nothing failed) nothing may be allowed either that was not called.
 */
export default function holdToPolicy(project: TestProject): () => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'spin-calls-'));
  process.env[NOTES_VARIABLE] = folder;
  return async () => {
    const made = readdirSync(folder).flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n').filter(Boolean));
    rmSync(folder, { recursive: true, force: true });
    const needed = actionsFor(made);
    const missing = needed.filter((action) => !ALLOWED.includes(action));
    const spare = (await isWhole(project)) ? ALLOWED.filter((action) => !needed.includes(action)) : [];
    if (missing.length > 0) throw new InternalError(`docs/iam-policy.json does not allow what the tests called: ${missing.join(', ')}`);
    if (spare.length > 0) throw new InternalError(`docs/iam-policy.json allows what no test called: ${spare.join(', ')}`);
  };
}

/** True where every test of every file ran, as far as they can run here, and passed. */
async function isWhole(project: TestProject): Promise<boolean> {
  const { state } = project.vitest;
  const { testFiles } = await project.globTestFiles();
  const passed = new Set(state.getTestModules().flatMap((module) => (module.ok() ? [module.moduleId] : [])));
  return findMoto() !== undefined && project.config.testNamePattern === undefined && testFiles.every((file) => passed.has(file));
}
