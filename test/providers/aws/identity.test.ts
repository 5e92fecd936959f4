import { GetRoleCommand, GetRolePolicyCommand, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { expect, it, onTestFinished } from 'vitest';
import {
  createIdentity,
  listIdentities,
  observeIdentities,
  ownIdentity,
  reclaimIdentity,
  releaseIdentity,
} from '../../../src/providers/aws/data/identity.ts';
import { profileFor } from '../../../src/providers/aws/data/profile.ts';
import { mark } from '../../../src/providers/aws/sweep/inventory.ts';
import { clientsOf } from '../../fakes/moto/clients.ts';
import { describeWithMoto } from '../../fakes/moto/suite.ts';
import { type Answer, type Asked, queryAnswer, queryError, startEndpoint } from './client/endpoint.ts';
import { aged, dataWorld } from './data-world.ts';
import { serviceSpec } from './world.ts';

const WITH_SECRETS = { kind: 'identity', secrets: ['db'] } as const;

/** One spin at an IAM that answers as a test says. */
async function iamThat(answer: (asked: Asked) => Answer) {
  const endpoint = await startEndpoint(answer);
  onTestFinished(() => endpoint.close());
  return { ...dataWorld({ url: endpoint.url }), asked: endpoint.asked };
}

const unknown = queryError(404, 'NoSuchEntity', 'It cannot be found.');

it.each(['PutRolePolicy', 'AddRoleToInstanceProfile'])('a role that %s does not know yet is waited for', async (late) => {
  const { cloud, call, request, asked } = await iamThat(({ action, nth }) =>
    action === late && nth === 0 ? unknown : queryAnswer(action, action === 'GetCallerIdentity' ? '<Account>123456789012</Account>' : ''),
  );
  expect(await createIdentity(cloud, request('identity.identity', WITH_SECRETS), call)).toMatchObject({ role: expect.any(String) });
  expect(asked.filter(({ action }) => action === late)).toHaveLength(2);
});

it.each([
  ['nothing where both went before our eyes', () => false, 'absent'],
  ['what is not shown yet where only the profile did', (action: string) => action.endsWith('Role'), 'requested'],
  ['both where neither is shown yet', () => true, 'requested'],
] as const)('a release of what was made a moment ago waits for %s', async (_what, isUnknown, released) => {
  const { region, call, request } = await iamThat(({ action }) =>
    action.startsWith('Get') || isUnknown(action) ? unknown : queryAnswer(action, ''),
  );
  const identity = { ...request('identity.identity', WITH_SECRETS), handle: { madeAt: call.clock.now() } };
  expect(await releaseIdentity(region, identity, call)).toBe(released);
});

/** What somebody else may hang on a role. */
const OTHER = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:ListAllMyBuckets', Resource: '*' }] };

describeWithMoto('the identity of a spin, against moto', (moto) => {
  const open = (more = {}) => dataWorld({ url: moto().proxy.url, ...more });

  it('is a role that reads the secrets of its own incarnation and no others, in a profile of the same name', async () => {
    const boundary = 'arn:aws:iam::123456789012:policy/boundary';
    const { cloud, region, call, spin, request } = open({ settings: { permissionsBoundary: boundary } });
    const { iam } = clientsOf({ endpoint: moto().proxy.url });
    const identity = request('identity.identity', WITH_SECRETS);
    const handle = await createIdentity(cloud, identity, call);
    const RoleName = String(handle['role']);
    expect(RoleName).toMatch(/^spin-web-[0-9a-z]{12}-1$/);
    const { Role } = await iam.send(new GetRoleCommand({ RoleName }));
    expect(Role).toMatchObject({ Path: `/spin/web/${spin.incarnation}/`, PermissionsBoundary: { PermissionsBoundaryArn: boundary } });
    expect(Role?.Tags).toContainEqual({ Key: 'spin:resource', Value: 'identity.identity@1' });
    const { PolicyDocument = '' } = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: 'spin' }));
    const policy = decodeURIComponent(PolicyDocument);
    expect(policy).toContain(`arn:aws:ssm:us-east-1:123456789012:parameter/spin/web/${spin.incarnation}/*`);
    expect(policy).toContain('kms:EncryptionContext:PARAMETER_ARN');
    expect((await observeIdentities(region, [identity], call)).get(identity.key)).toMatchObject({ state: 'running' });
    const service = request('service.web', {
      kind: 'service',
      service: serviceSpec({ name: 'web', secrets: [{ secret: 'db', as: 'env', variable: 'DB' }] }),
      baseDir: '/',
    });
    expect(profileFor(cloud, { ...service, needs: [identity.key] })).toBe(RoleName);
  });

  it('is made once, whatever half of it an earlier try made, and gone when it is released', async () => {
    const { cloud, region, call, request } = open();
    const { iam } = clientsOf({ endpoint: moto().proxy.url });
    const identity = request('identity.identity', WITH_SECRETS);
    await createIdentity(cloud, identity, call);
    const handle = await createIdentity(cloud, identity, call);
    // Somebody hung a policy of their own on it.
    await iam.send(
      new PutRolePolicyCommand({ RoleName: String(handle['role']), PolicyName: 'more', PolicyDocument: JSON.stringify(OTHER) }),
    );
    expect(await releaseIdentity(region, identity, call)).toBe('absent');
    expect(await releaseIdentity(region, identity, call)).toBe('absent');
    expect((await observeIdentities(region, [aged(identity, handle)], call)).get(identity.key)?.state).toBe('absent');
    expect(await listIdentities(cloud, { everyone: true }, call)).toEqual([]);
  });

  it('is nothing at all where the spin has no secrets', async () => {
    const { cloud, region, call, request } = open({ settings: { instanceProfile: 'ours' } });
    const identity = request('identity.identity', { kind: 'identity', secrets: [] });
    await createIdentity(cloud, identity, call);
    expect((await observeIdentities(region, [identity], call)).get(identity.key)?.state).toBe('running');
    expect(await releaseIdentity(region, identity, call)).toBe('absent');
    expect(moto().proxy.calls).toEqual([]);
    const service = request('service.web', { kind: 'service', service: serviceSpec({ name: 'web' }), baseDir: '/' });
    expect(profileFor(cloud, service)).toBe('ours');
  });

  it('is found by its path, for its own state location, and can be taken over', async () => {
    const [mine, theirs] = [open(), open({ stateTag: 'theirs' })];
    await createIdentity(mine.cloud, mine.request('identity.identity', WITH_SECRETS), mine.call);
    await createIdentity(theirs.cloud, theirs.request('identity.identity', WITH_SECRETS), theirs.call);
    const found = await listIdentities(mine.cloud, { id: mine.spin.id }, mine.call);
    expect(found.map(({ what, incarnation }) => [what.split(' ').slice(0, -1).join(' '), incarnation])).toEqual([
      ['role', mine.spin.incarnation],
      ['instance profile', mine.spin.incarnation],
    ]);
    const all = await listIdentities(mine.cloud, { everyone: true }, mine.call);
    expect(all).toHaveLength(4);
    await mark([mine.region], found, 1_000, mine.call);
    // Lists of profiles show nothing that could tell: the role speaks for both.
    const marksOf = async () =>
      (await listIdentities(mine.cloud, { id: mine.spin.id }, mine.call)).map(({ marks, orphanSince }) => [marks, orphanSince]);
    expect(await marksOf()).toEqual([
      [true, 1_000],
      [undefined, undefined],
    ]);
    await mark([mine.region], found, undefined, mine.call);
    expect(await marksOf()).toEqual([
      [true, undefined],
      [undefined, undefined],
    ]);
    await mark([theirs.region], await listIdentities(theirs.cloud, {}, theirs.call), 1_000, theirs.call);
    for (const other of all) await ownIdentity(mine.cloud, other, mine.call);
    expect((await listIdentities(mine.cloud, {}, mine.call)).some(({ orphanSince }) => orphanSince !== undefined)).toBe(false);
    expect(await listIdentities(mine.cloud, {}, mine.call)).toHaveLength(4);
    for (const one of all) await reclaimIdentity(mine.cloud, one, mine.call);
    expect(await listIdentities(mine.cloud, { everyone: true }, mine.call)).toEqual([]);
  });
});
