import { accessSync, constants, mkdirSync, statfsSync } from 'node:fs';
import { formatDuration } from '../core/duration.ts';
import { isSpinError, messageOf } from '../core/errors.ts';
import { makeIncarnation, makeTraceId, parseSpinId } from '../core/ids.ts';
import { Fault } from '../providers/fault.ts';
import type { Check } from '../providers/provider.ts';
import { bareSpec } from '../spec/bare.ts';
import type { Spec } from '../spec/spec.ts';
import { buildPlan } from '../plan/build.ts';
import type { App } from './context.ts';
import { silent } from './emitter.ts';
import type { DoctorOutcome } from './outcomes.ts';
import { namesInUse } from './providers.ts';
import { specHere } from './spec-request.ts';

const LOW_SPACE_BYTES = 200e6;

/** Checks what spin needs of this machine, its state and its providers. Changes nothing but an absent state folder. */
export async function doctor(app: App): Promise<DoctorOutcome> {
  const checks = [nodeCheck(app), ...stateChecks(app), ...(await recordChecks(app)), ...(await providerChecks(app)), configCheck(app)];
  return { version: app.version, node: app.node, state: app.store.location, checks };
}

function nodeCheck(app: App): Check {
  return { name: 'node', ok: true, detail: `Node ${app.node}` };
}

function configCheck(app: App): Check {
  const { files, warnings } = app.config;
  const read = files.length === 0 ? 'no config file; built-in settings' : files.join(', ');
  return warnings.length === 0
    ? { name: 'config', ok: true, detail: read }
    : { name: 'config', ok: false, detail: warnings.join('; '), hint: 'spin config' };
}

function stateChecks(app: App): readonly Check[] {
  const { folder } = app.store;
  // Whether a bucket can be used is told by reading its records.
  if (folder === undefined) return [];
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    const space = statfsSync(folder);
    const free = space.bavail * space.bsize;
    const roomy = free >= LOW_SPACE_BYTES;
    return [
      { name: 'state', ok: true, detail: folder },
      {
        name: 'space',
        ok: roomy,
        detail: `${(free / 1e9).toFixed(1)} GB free`,
        ...(roomy ? {} : { hint: 'free some space, or move the state with --state' }),
      },
    ];
  } catch (thrown) {
    return [{ name: 'state', ok: false, detail: messageOf(thrown), hint: 'choose another folder with --state or SPIN_STATE' }];
  }
}

async function recordChecks(app: App): Promise<readonly Check[]> {
  try {
    const { records, unreadable } = await app.store.list();
    const expired = records.filter(({ record }) => record.releasedAt === undefined && record.deadline < app.clock.now());
    return [
      { name: 'records', ok: true, detail: `${records.length} readable` },
      ...unreadable.map(({ id, problem }) => ({
        name: 'records',
        ok: false,
        detail: messageOf(problem),
        hint: `move the record of ${id} away; spin down ${id} then goes by what it finds`,
      })),
      ...expired.map(({ record }) => ({
        name: 'deadline',
        ok: false,
        detail: `${record.id} is over its deadline by ${formatDuration(app.clock.now() - record.deadline)}`,
        hint: 'spin gc',
      })),
    ];
  } catch (thrown) {
    return [failedCheck('records', thrown)];
  }
}

/** The preflight of an empty spec: what a provider needs whatever is asked of it. One that cannot be asked is a check that fails. */
async function providerChecks(app: App): Promise<readonly Check[]> {
  // Its `up` may have said to call the doctor.
  const here = await specHere(app);
  const inUse = await namesInUse(app).catch((): ReadonlySet<string> => new Set(app.providers));
  const checks: Check[] = [];
  for (const name of new Set([...inUse, ...(here === undefined ? [] : [here.provider])])) {
    try {
      for (const check of await preflight(app, name, here)) checks.push({ ...check, name: `${name}: ${check.name}` });
    } catch (thrown) {
      app.signal.throwIfAborted();
      if (!(thrown instanceof Fault) && !isSpinError(thrown)) throw thrown;
      checks.push(failedCheck(name, thrown));
    }
  }
  return checks;
}

function failedCheck(name: string, thrown: unknown): Check {
  const hint = isSpinError(thrown) ? thrown.hint : undefined;
  return { name, ok: false, detail: messageOf(thrown), ...(hint === undefined ? {} : { hint }) };
}

async function preflight(app: App, name: string, here: Pick<Spec, 'provider' | 'region'> | undefined): Promise<readonly Check[]> {
  const provider = await app.provider(name);
  const spec = bareSpec({ name: 'doctor', provider: name, ttlMs: 60_000, owner: '', tags: {}, baseDir: app.cwd });
  const spin = { id: parseSpinId('doctor'), incarnation: makeIncarnation(app.clock.now()), trace: makeTraceId() };
  const place = here?.provider === name && here.region !== undefined ? { place: { region: here.region } } : {};
  const call = { clock: app.clock, signal: app.signal, emit: silent };
  return provider.preflight({ ...spin, ...place }, buildPlan(spec, provider), call);
}
