import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { doctor } from '../../src/app/doctor.ts';
import type { DoctorOutcome } from '../../src/app/outcomes.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Fault } from '../../src/providers/fault.ts';
import { createFileStore } from '../../src/store/file-store.ts';
import { DENIED } from '../fakes/s3.ts';
import { fakeS3 } from '../store/s3-bucket.ts';
import { openS3 } from '../store/s3-open.ts';
import { appFor, Place, type Setup } from './world.ts';

const SPEC = 'name: shop\nttl: 1h\nprovider: PROVIDER\nservices: { web: { run: web } }\n';

function folder(spec: string): string {
  const path = mkdtempSync(join(tmpdir(), 'spin-doctor-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  writeFileSync(join(path, 'spin.yaml'), spec);
  return path;
}

async function run(place: Place, setup: Setup = {}): Promise<DoctorOutcome['checks']> {
  return (await place.run(doctor(appFor(place, setup)))).checks;
}

describe('the doctor', () => {
  it('looks at the provider of the spec in this folder, whose up may have said to call it', async () => {
    const place = new Place();
    const named = async (cwd: string) => (await run(place, { cwd })).map(({ name }) => name.split(':')[0]);
    expect(await named('/nowhere')).not.toContain('other');
    expect(await named(folder(SPEC.replace('PROVIDER', 'other')))).toContain('other');
  });

  it('says what is wrong with a provider that cannot be asked, and all else', async () => {
    const place = new Place();
    place.world.fail('preflight', new Fault('invalid', 'no-region', 'no region is known'), { times: 1 });
    const checks = await run(place);
    expect(checks).toContainEqual({ name: 'fake', ok: false, detail: 'no region is known' });
    expect(checks.map(({ name }) => name)).toEqual(expect.arrayContaining(['node', 'records', 'config']));
  });

  it('looks at the state folder', async () => {
    const store = createFileStore({ dir: join(folder(SPEC), 'state'), clock: systemClock });
    const checks = await run(new Place(), { store });
    expect(checks).toContainEqual({ name: 'state', ok: true, detail: store.location });
    expect(checks.map(({ name }) => name)).toContain('space');
    expect(existsSync(store.location)).toBe(true);
  });

  it('takes a bucket for no folder: whether it can be used is told by its records', async () => {
    const fake = await fakeS3();
    const checks = await run(new Place(), { store: openS3(fake.endpoint) });
    expect(checks).toContainEqual({ name: 'records', ok: true, detail: '0 readable' });
    expect(checks.filter(({ name }) => name === 'state' || name === 'space')).toEqual([]);
    expect(existsSync('s3:')).toBe(false);
    fake.fault = () => DENIED;
    expect(await run(new Place(), { store: openS3(fake.endpoint) })).toContainEqual({
      name: 'records',
      ok: false,
      detail: expect.stringContaining('access denied'),
      hint: expect.stringContaining('s3:ListBucket'),
    });
  });

  it('says so of a provider that there is not', async () => {
    const checks = await run(new Place(), { cwd: folder(SPEC.replace('PROVIDER', 'gcp')) });
    expect(checks).toContainEqual(expect.objectContaining({ name: 'gcp', ok: false, detail: 'there is no provider gcp' }));
  });

  it('leaves a spec that cannot be read to plan', async () => {
    const checks = await run(new Place(), { cwd: folder('name: [') });
    expect(checks.filter(({ name }) => name === 'fake' || name.startsWith('spec'))).toEqual([]);
  });
});
