import { describe, expect, it } from 'vitest';
import type { Desire } from '../../../src/plan/plan.ts';
import {
  createSecret,
  listSecrets,
  observeSecrets,
  ownSecret,
  reclaimSecret,
  releaseSecret,
} from '../../../src/providers/aws/data/secrets.ts';
import { ec2For } from '../../fakes/ec2/fixture.ts';
import { aged, dataWorld } from './data-world.ts';

const from = (source: Extract<Desire, { kind: 'secret' }>['source'], name = 'db'): Desire => ({ kind: 'secret', name, source });
const generated = from({ from: 'generate', length: 24 });

describe('a secret', () => {
  it('is a SecureString under the path of its incarnation, tagged in the call that makes it', async () => {
    const ec2 = await ec2For();
    const world = dataWorld({ url: ec2.url, env: { PASSWORD: 'correct horse' } });
    const { cloud, call, spin, request } = world;
    const secret = request('secret.db', from({ from: 'env', variable: 'PASSWORD' }));
    const handle = await createSecret(cloud, secret, call);
    const [parameter] = ec2.snapshot().parameters;
    expect(parameter).toMatchObject({
      id: `/spin/web/${spin.incarnation}/db/1`,
      type: 'SecureString',
      value: 'correct horse',
      tags: { 'spin:id': 'web', 'spin:resource': 'secret.db@1', Name: 'spin/web/secret.db' },
    });
    expect(parameter?.tags['spin:deadline']).toBe(new Date(secret.deadline).toISOString());
    expect(ec2.counts()).toMatchObject({ PutParameter: 1 });
    expect(JSON.stringify([world.events, handle])).not.toContain('correct horse');
    expect(world.events).toMatchObject([{ type: 'secret.issued', resource: 'secret.db@1' }]);
  });

  it('keeps its first value when the same request comes again, also where its source is gone', async () => {
    const ec2 = await ec2For();
    const { cloud, call, request } = dataWorld({ url: ec2.url });
    await createSecret(cloud, request('secret.db', generated), call);
    const first = ec2.snapshot().parameters[0]?.value;
    await createSecret(cloud, request('secret.db', generated), call);
    await createSecret(cloud, request('secret.db', from({ from: 'env', variable: 'GONE' })), call);
    expect(ec2.snapshot().parameters.map(({ value }) => value)).toEqual([first]);
    await expect(createSecret(cloud, request('secret.new', from({ from: 'env', variable: 'GONE' }, 'new')), call)).rejects.toMatchObject({
      class: 'secret-unresolved',
    });
  });

  it('is refused where it does not fit, without its value in the message', async () => {
    const ec2 = await ec2For();
    const { cloud, call, request } = dataWorld({ url: ec2.url, env: { BIG: 'x'.repeat(9_000) } });
    const refused = createSecret(cloud, request('secret.big', from({ from: 'env', variable: 'BIG' }, 'big')), call);
    await expect(refused).rejects.toMatchObject({ kind: 'invalid', class: 'secret-too-large' });
    await expect(refused).rejects.not.toThrow('xxxx');
    expect(ec2.snapshot().parameters).toEqual([]);
  });

  it('leaves no value in what is told when AWS quotes it', async () => {
    const ec2 = await ec2For();
    const { cloud, call, request } = dataWorld({ url: ec2.url, env: { PASSWORD: 'quoted-value' } });
    ec2.script({
      action: 'PutParameter',
      times: 1,
      fault: { kind: 'error', status: 400, code: 'ValidationException', message: "Value 'quoted-value' at 'value'" },
    });
    const failure = await createSecret(cloud, request('secret.db', from({ from: 'env', variable: 'PASSWORD' })), call).catch(
      (thrown: unknown) => thrown,
    );
    expect(String(failure)).toContain('[secret]');
    expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toContain('quoted-value');
  });

  it.each([
    ['as JSON', (value: string) => JSON.stringify({ value })],
    ['as a form', (value: string) => new URLSearchParams({ value }).toString()],
    ['in base64', (value: string) => Buffer.from(value).toString('base64')],
  ])('leaves no value in the event of a throttled request that is quoted %s', async (_how, quote) => {
    const ec2 = await ec2For();
    const value = 'quoted "value" & more';
    const world = dataWorld({ url: ec2.url, env: { PASSWORD: value } });
    const fault = { kind: 'error', status: 400, code: 'ThrottlingException', message: `cannot take ${quote(value)}` } as const;
    ec2.script({ action: 'PutParameter', fault });
    await createSecret(world.cloud, world.request('secret.db', from({ from: 'env', variable: 'PASSWORD' })), world.call);
    expect(world.events.map(({ type, fault: told }) => [type, told?.message])).toContainEqual([
      'cloud.throttled',
      expect.stringContaining('[secret]'),
    ]);
    expect(JSON.stringify(world.events)).not.toContain(JSON.stringify(quote(value)).slice(1, -1));
  });

  it('is destroyed, which is proven, and reported once', async () => {
    const ec2 = await ec2For();
    const world = dataWorld({ url: ec2.url });
    const { cloud, region, call, request } = world;
    const secret = request('secret.db', generated);
    const handle = await createSecret(cloud, secret, call);
    expect((await observeSecrets(region, [secret], call)).get(secret.key)?.state).toBe('running');
    expect(await releaseSecret(region, { ...secret, handle }, call)).toBe('absent');
    expect(ec2.snapshot().parameters).toEqual([]);
    expect(world.events.map(({ type }) => type)).toEqual(['secret.issued', 'secret.destroyed']);
    expect(await releaseSecret(region, aged(secret, handle), call)).toBe('absent');
    expect((await observeSecrets(region, [aged(secret, handle)], call)).get(secret.key)?.state).toBe('absent');
    // Not there so soon after it was asked for may mean not yet.
    expect((await observeSecrets(region, [{ ...secret, handle }], call)).get(secret.key)?.state).toBe('pending');
    expect(await releaseSecret(region, { ...secret, handle }, call)).toBe('requested');
  });

  it('is asked for ten at a time, and unknown where it cannot be asked for', async () => {
    const ec2 = await ec2For();
    const { cloud, region, call, request } = dataWorld({ url: ec2.url });
    const secrets = Array.from({ length: 12 }, (_, index) =>
      request(`secret.s${index}`, from({ from: 'generate', length: 8 }, `s${index}`)),
    );
    for (const secret of secrets) await createSecret(cloud, secret, call);
    ec2.clear('calls');
    const seen = await observeSecrets(region, secrets, call);
    expect([...seen.values()].every(({ state }) => state === 'running')).toBe(true);
    expect(ec2.counts()['GetParameters']).toBe(2);
    ec2.script({ action: 'GetParameters', fault: { kind: 'error', status: 400, code: 'AccessDeniedException', message: 'no' } });
    expect((await observeSecrets(region, secrets.slice(0, 1), call)).get('secret.s0@1')).toMatchObject({ state: 'unknown' });
  });

  it('is found without a record by its state location alone, reclaimed, and taken over', async () => {
    const ec2 = await ec2For();
    const mine = dataWorld({ url: ec2.url });
    const theirs = dataWorld({ url: ec2.url, stateTag: 'theirs' });
    await createSecret(mine.cloud, mine.request('secret.db', generated), mine.call);
    await createSecret(theirs.cloud, theirs.request('secret.db', generated), theirs.call);
    const [found] = await listSecrets(mine.cloud, {}, mine.call);
    expect(found).toMatchObject({ id: 'web', incarnation: mine.spin.incarnation, resource: 'secret.db@1', kind: 'secret' });
    expect(await listSecrets(mine.cloud, { id: mine.spin.id }, mine.call)).toHaveLength(1);
    const all = await listSecrets(mine.cloud, { everyone: true }, mine.call);
    expect(all).toHaveLength(2);
    const other = all.find(({ incarnation }) => incarnation === theirs.spin.incarnation);
    if (found === undefined || other === undefined) throw new Error('not found');
    await ownSecret(mine.cloud, other, mine.call);
    expect(await listSecrets(mine.cloud, {}, mine.call)).toHaveLength(2);
    expect(await listSecrets(theirs.cloud, {}, theirs.call)).toHaveLength(0);
    expect(await reclaimSecret(mine.cloud, found, mine.call)).toBe('absent');
    expect(await reclaimSecret(mine.cloud, other, mine.call)).toBe('absent');
    expect(ec2.snapshot().parameters).toEqual([]);
  });
});
