import { CreateSecurityGroupCommand, DeleteSecurityGroupCommand, DescribeInstancesCommand, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { GetParameterCommand } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { expect, it } from 'vitest';
import { clientOf, ec2For, idsOf, launchOf, ssmOf, stsOf } from './fixture.ts';

const launch = launchOf({ ClientToken: 'token' });

it('loses a request before it has done anything', async () => {
  const ec2 = await ec2For();
  ec2.script({ action: 'RunInstances', fault: 'lose-request' });
  await expect(clientOf(ec2).send(new RunInstancesCommand(launch))).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect(ec2.snapshot().made.instance).toBe(0);
  expect(ec2.calls).toMatchObject([{ action: 'RunInstances', outcome: 'lost-request', fault: 'lose-request' }]);
});

it('loses a response after everything was done, and the retry of the client finds the same instance', async () => {
  const ec2 = await ec2For();
  ec2.script({ action: 'RunInstances', fault: 'lose-response' });
  const made = await clientOf(ec2, { maxAttempts: 3 }).send(new RunInstancesCommand(launch));
  expect(ec2.snapshot().instances.map(({ id }) => id)).toEqual(idsOf(made));
  expect(ec2.calls.map(({ outcome }) => outcome)).toEqual(['lost-response', 'answered']);
  expect(ec2.calls[0]?.answer).toMatchObject({ Instances: [{ InstanceId: idsOf(made)[0] }] });
});

it('makes two instances of a lost response where the second try comes with a token of its own', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  ec2.script({ action: 'RunInstances', fault: 'lose-response' });
  await expect(client.send(new RunInstancesCommand(launchOf()))).rejects.toMatchObject({ code: 'ECONNRESET' });
  await client.send(new RunInstancesCommand(launchOf()));
  expect(ec2.snapshot().instances).toHaveLength(2);
});

it('answers too late for a client that does not wait, with the effect done', async () => {
  const ec2 = await ec2For();
  ec2.script({ action: 'RunInstances', fault: { kind: 'delay', ms: 60_000 } });
  const client = clientOf(ec2, { requestTimeoutMs: 200 });
  await expect(client.send(new RunInstancesCommand(launch))).rejects.toMatchObject({ name: 'TimeoutError' });
  expect(ec2.snapshot().instances).toHaveLength(1);
  await expect.poll(() => ec2.calls[0]?.outcome).toBe('lost-response');
});

it('throttles as often as a script says, with the body that AWS sends', async () => {
  const ec2 = await ec2For();
  ec2.script({ action: 'RunInstances', times: 2, fault: 'throttle' });
  await expect(clientOf(ec2).send(new RunInstancesCommand(launch))).rejects.toMatchObject({
    name: 'RequestLimitExceeded',
    $metadata: { httpStatusCode: 503 },
    message:
      'Request limit exceeded. Account 123456789012 has been throttled on ec2:RunInstances because it exceeded its request rate limit.',
  });
  await clientOf(ec2, { maxAttempts: 2 }).send(new RunInstancesCommand(launch));
  expect(ec2.counts()).toEqual({ RunInstances: 3 });
  expect(ec2.throttled()).toEqual({ RunInstances: 2 });
});

it('hits the nth call, those with given parameters, and those that a test picks', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  ec2.script({ action: '*', when: ({ region }) => region === 'eu-west-1', times: 'always', fault: 'denied' });
  ec2.script({ action: 'DescribeInstances', nth: 2, fault: 'internal' });
  ec2.script({ action: 'RunInstances', match: { InstanceType: 'c5.large' }, times: 'always', fault: 'unavailable' });
  const list = () => client.send(new DescribeInstancesCommand({}));
  await list();
  await expect(list()).rejects.toMatchObject({ name: 'InternalError', $metadata: { httpStatusCode: 500 } });
  await list();
  await client.send(new RunInstancesCommand(launchOf()));
  const other = new RunInstancesCommand(launchOf({ InstanceType: 'c5.large' }));
  await expect(client.send(other)).rejects.toMatchObject({ name: 'Unavailable', $metadata: { httpStatusCode: 503 } });
  await expect(clientOf(ec2, { region: 'eu-west-1' }).send(other)).rejects.toMatchObject({
    name: 'UnauthorizedOperation',
    $metadata: { httpStatusCode: 403 },
    message: expect.stringMatching(/^You are not authorized to perform this operation.*Encoded authorization failure message: /),
  });
  ec2.clear('scripts');
  await client.send(other);
});

it('refuses to delete as if something still depended on it', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const { GroupId } = await client.send(new CreateSecurityGroupCommand({ GroupName: 'web', Description: 'web' }));
  ec2.script({ action: 'DeleteSecurityGroup', times: 2, fault: 'dependency' });
  const refused = { name: 'DependencyViolation', message: `resource ${GroupId ?? ''} has a dependent object` };
  for (let n = 0; n < 2; n++) await expect(client.send(new DeleteSecurityGroupCommand({ GroupId }))).rejects.toMatchObject(refused);
  await client.send(new DeleteSecurityGroupCommand({ GroupId }));
  expect(ec2.snapshot().groups).toEqual([]);
});

it('answers with a page of HTML, as an emulator that lacks the call', async () => {
  const ec2 = await ec2For();
  ec2.script({ action: 'RunInstances', fault: 'html' });
  const thrown: unknown = await clientOf(ec2)
    .send(new RunInstancesCommand(launch))
    .catch((error: unknown) => error);
  expect(thrown).toMatchObject({ $metadata: { httpStatusCode: 500 } });
  expect(ec2.snapshot().made.instance).toBe(0);
});

it('speaks the words of each service', async () => {
  const ec2 = await ec2For();
  ec2.script({ action: 'GetCallerIdentity', fault: 'throttle' });
  ec2.script({ action: 'GetParameter', fault: 'throttle' });
  await expect(stsOf(ec2).send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({ name: 'Throttling', message: 'Rate exceeded' });
  await expect(ssmOf(ec2).send(new GetParameterCommand({ Name: '/a' }))).rejects.toMatchObject({ name: 'ThrottlingException' });
  ec2.script({ action: 'GetCallerIdentity', fault: 'denied' });
  ec2.script({ action: 'GetParameter', fault: 'denied' });
  await expect(stsOf(ec2).send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
    name: 'AccessDenied',
    $metadata: { httpStatusCode: 403 },
  });
  await expect(ssmOf(ec2).send(new GetParameterCommand({ Name: '/a' }))).rejects.toMatchObject({ name: 'AccessDeniedException' });
});

it('holds a call before or after its effect until it is released', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  ec2.script({ action: 'RunInstances', fault: 'hold-request' });
  const before = client.send(new RunInstancesCommand(launch));
  const held = await ec2.holding.next();
  expect(held).toMatchObject({ action: 'RunInstances', outcome: 'held', input: { ClientToken: 'token' } });
  expect(ec2.snapshot().instances).toEqual([]);
  ec2.holding.release();
  const made = await before;

  ec2.script({ action: 'RunInstances', fault: 'hold-response' });
  const after = client.send(new RunInstancesCommand(launchOf({ ClientToken: 'other' })));
  await ec2.holding.next();
  expect(ec2.snapshot().instances).toHaveLength(2);
  ec2.holding.release();
  expect(idsOf(await after)).not.toEqual(idsOf(made));
});

it('drops a call that is held before its effect when the client goes away', async () => {
  const ec2 = await ec2For();
  const abort = new AbortController();
  ec2.script({ action: 'RunInstances', fault: 'hold-request' });
  const sent = clientOf(ec2).send(new RunInstancesCommand(launch), { abortSignal: abort.signal });
  await ec2.holding.next();
  abort.abort();
  await expect(sent).rejects.toMatchObject({ name: 'AbortError' });
  await expect.poll(() => ec2.calls[0]?.outcome).toBe('abandoned');
  expect(ec2.snapshot().made.instance).toBe(0);
});
