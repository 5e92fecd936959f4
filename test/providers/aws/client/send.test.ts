import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EC2Client, DescribeInstancesCommand, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { GetRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EventBody } from '../../../../src/core/events.ts';
import type { Cloud } from '../../../../src/providers/aws/cloud.ts';
import { createClouds } from '../../../../src/providers/aws/client/clouds.ts';
import { createHandler } from '../../../../src/providers/aws/client/handler.ts';
import { traffic } from '../../../../src/providers/aws/client/traffic.ts';
import { toFault } from '../../../../src/providers/aws/faults.ts';
import { Fault } from '../../../../src/providers/fault.ts';
import {
  type Answer,
  type Asked,
  type AwsEndpoint,
  awsOptions,
  callNow,
  ec2Answer,
  ec2Error,
  KEYS,
  queryError,
  RUN_ONE,
  startEndpoint,
} from './endpoint.ts';

const RUN = { ImageId: 'ami-1', InstanceType: 't3.micro', MinCount: 1, MaxCount: 1, ClientToken: 'token' } as const;

let folder: string;
const open: AwsEndpoint[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spin-send-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((endpoint) => endpoint.close()));
  await rm(folder, { recursive: true, force: true });
});

async function start(answer: (asked: Asked) => Answer): Promise<{ endpoint: AwsEndpoint; cloud: Cloud }> {
  const endpoint = await startEndpoint(answer);
  open.push(endpoint);
  const clouds = createClouds(awsOptions(folder, { ...KEYS, AWS_ENDPOINT_URL: endpoint.url }));
  return { endpoint, cloud: clouds.in('eu-central-1') };
}

const run = (cloud: Cloud, call = callNow()) => cloud.send(EC2Client, new RunInstancesCommand(RUN), call);
const faultOf = (promise: Promise<unknown>): Promise<Fault> =>
  promise.then(
    () => Promise.reject(new Error('no fault')),
    (thrown: unknown) => (thrown instanceof Fault ? thrown : Promise.reject(thrown)),
  );

describe('a request', () => {
  test('is signed for its region, names its sender, and is answered', async () => {
    const { endpoint, cloud } = await start(() => RUN_ONE);
    const { Instances } = await run(cloud);
    expect(Instances?.[0]?.InstanceId).toBe('i-1');
    expect(endpoint.asked[0]?.params.get('ClientToken')).toBe('token');
    expect(endpoint.asked[0]?.headers.authorization).toContain('/eu-central-1/ec2/aws4_request');
    expect(endpoint.asked[0]?.headers['user-agent']).toContain('spin/9.9.9');
  });

  test('uses the connection of the one before', async () => {
    const { endpoint, cloud } = await start(() => RUN_ONE);
    await run(cloud);
    await run(cloud);
    expect(endpoint.connections()).toBe(1);
  });

  test('is sent again with the same token when AWS throttles it, is counted, and is told of', async () => {
    const before = traffic();
    const { endpoint, cloud } = await start(({ nth }) =>
      nth === 0 ? ec2Error(503, 'RequestLimitExceeded', 'Request limit exceeded.') : RUN_ONE,
    );
    const call = callNow();
    await run(cloud, call);
    expect(endpoint.asked.map(({ params }) => params.get('ClientToken'))).toEqual(['token', 'token']);
    expect(call.events).toContainEqual(expect.objectContaining({ type: 'cloud.throttled', data: { action: 'ec2:RunInstances' } }));
    const after = traffic();
    expect([after.requests - before.requests, after.retries - before.retries, after.throttled - before.throttled]).toEqual([2, 1, 1]);
    expect(after.byAction['ec2:RunInstances']?.requests).toBeGreaterThanOrEqual(2);
  });

  test('is sent again after a lost answer, and after an internal error', async () => {
    const { endpoint, cloud } = await start(({ nth }) =>
      nth === 0 ? 'lost' : nth === 1 ? ec2Error(500, 'InternalError', 'An internal error has occurred') : RUN_ONE,
    );
    await run(cloud);
    expect(endpoint.asked).toHaveLength(3);
  });

  test('fails in the end where nobody ever answers, as not reachable', async () => {
    const { endpoint, cloud } = await start(() => 'lost');
    const fault = await faultOf(cloud.send(EC2Client, new DescribeInstancesCommand({}), callNow()));
    expect([fault.kind, fault.class, endpoint.asked.length]).toEqual(['transient', 'unreachable', 5]);
    expect(fault.message).toMatch(/^ec2:DescribeInstances: /);
  });

  test('fails where there is nobody to connect to', async () => {
    const { endpoint, cloud } = await start(() => RUN_ONE);
    await endpoint.close();
    const fault = await faultOf(cloud.send(EC2Client, new DescribeInstancesCommand({}), callNow()));
    expect([fault.kind, fault.class]).toEqual(['transient', 'unreachable']);
  });

  test('is not sent again where there is no capacity', async () => {
    const { endpoint, cloud } = await start(() =>
      ec2Error(500, 'InsufficientInstanceCapacity', 'We currently do not have sufficient t3.micro capacity'),
    );
    const fault = await faultOf(run(cloud));
    expect([fault.kind, fault.class, endpoint.asked.length]).toEqual(['capacity', 'InsufficientInstanceCapacity', 1]);
  });

  test('that passes a quota says which', async () => {
    const { cloud } = await start(() =>
      ec2Error(400, 'VcpuLimitExceeded', 'You have requested more vCPU capacity than your current vCPU limit of 32'),
    );
    const fault = await faultOf(run(cloud));
    expect(fault.kind).toBe('quota');
    expect(fault.message).toContain('(quota L-1216C47A, Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances)');
  });

  test('of a spot instance that passes a quota names that of spot requests', async () => {
    const { cloud } = await start(() => ec2Error(400, 'MaxSpotInstanceCountExceeded', 'Max spot instance count exceeded'));
    const command = new RunInstancesCommand({ ...RUN, InstanceMarketOptions: { MarketType: 'spot' } });
    expect((await faultOf(cloud.send(EC2Client, command, callNow()))).message).toContain('L-34B43A08');
  });

  test('that an emulator does not know is told at once', async () => {
    const page = { status: 404, body: '<!doctype html><title>404</title>', headers: { 'content-type': 'text/html; charset=utf-8' } };
    const answers = [page, ec2Error(501, 'InternalFailure', 'not yet'), ec2Error(400, 'InvalidAction', 'The action X is not valid')];
    const { endpoint, cloud } = await start(({ nth }) => answers[nth] ?? expect.fail('asked again'));
    for (const tries of [1, 2, 3]) {
      const fault = await faultOf(run(cloud));
      expect([fault.kind, fault.class, endpoint.asked.length]).toEqual(['invalid', 'unimplemented', tries]);
      expect(fault.message).toContain('ec2:RunInstances');
    }
  });

  test.for([200, 302, 403, 500])(
    'proves nothing where a page with status %i comes back, as from the sign-in of a network',
    async (status) => {
      const page = { status, body: '<html><title>Welcome to the hotel</title>', headers: { 'content-type': 'text/html' } };
      const { endpoint, cloud } = await start(() => page);
      const fault = await faultOf(run(cloud));
      expect([fault.kind, fault.class, endpoint.asked.length]).toEqual(['invalid', 'unreachable', 1]);
    },
  );

  test('that waits for its turn is told once, by its action and time alone', async () => {
    const { cloud } = await start(() => RUN_ONE);
    const told: EventBody[] = [];
    await Promise.all(Array.from({ length: 5 }, () => run(cloud, { ...callNow(), emit: (event) => told.push(event) })));
    expect(told).toEqual([{ type: 'cloud.paced', ms: expect.any(Number), data: { action: 'ec2:RunInstances' } }]);
  });

  test('is sent again where a gateway in between answers with a page', async () => {
    const page = { status: 503, body: '<html></html>', headers: { 'content-type': 'text/html' } };
    const { cloud } = await start(({ nth }) => (nth === 0 ? page : RUN_ONE));
    await expect(run(cloud)).resolves.toBeDefined();
  });

  test('that is denied keeps but the head of what AWS encodes', async () => {
    const { cloud } = await start(() =>
      ec2Error(403, 'UnauthorizedOperation', `You are not authorized. Encoded authorization failure message: ${'x'.repeat(900)}`),
    );
    const fault = await faultOf(run(cloud));
    expect(fault.kind).toBe('denied');
    expect(fault.message).toBe(`ec2:RunInstances: You are not authorized. Encoded authorization failure message: ${'x'.repeat(12)}…`);
  });

  test('is sent again once with the right time where the clock of the machine is wrong', async () => {
    const later = new Date(Date.now() + 3_600_000).toUTCString();
    const { endpoint, cloud } = await start(({ nth }) => {
      const refused = ec2Error(400, 'RequestExpired', 'Request has expired.');
      return nth === 0 && typeof refused === 'object' ? { ...refused, headers: { date: later } } : RUN_ONE;
    });
    await run(cloud);
    const [first, second] = endpoint.asked.map(({ headers }) => String(headers['x-amz-date']));
    expect(second?.slice(0, 11)).not.toBe(first?.slice(0, 11));
  });

  test('ends at once with the reason when its command is stopped', async () => {
    const { cloud } = await start(() => 'silent');
    const call = callNow();
    const asked = run(cloud, call);
    setTimeout(() => call.stop(new Error('enough')), 50);
    await expect(asked).rejects.toThrow('enough');
  });

  test('has the error codes of the other protocols too', async () => {
    const { cloud } = await start(({ action }) =>
      action === 'GetRole'
        ? queryError(404, 'NoSuchEntity', 'The role with name x cannot be found.')
        : { status: 400, body: '{"__type":"ParameterNotFound"}', headers: { 'content-type': 'application/x-amz-json-1.1' } },
    );
    const role = await faultOf(cloud.send(IAMClient, new GetRoleCommand({ RoleName: 'x' }), callNow()));
    const parameter = await faultOf(cloud.send(SSMClient, new GetParameterCommand({ Name: 'x' }), callNow()));
    expect([role.kind, role.class, parameter.kind, parameter.class]).toEqual([
      'not-found',
      'NoSuchEntity',
      'not-found',
      'ParameterNotFound',
    ]);
  });

  test('among many at once, on one signal, makes no noise', async () => {
    const warnings: unknown[] = [];
    const note = (warning: unknown) => warnings.push(warning);
    process.on('warning', note);
    const { cloud } = await start(({ action }) => ec2Answer(action, '<reservationSet/>'));
    const call = callNow();
    await Promise.all(Array.from({ length: 60 }, () => cloud.send(EC2Client, new DescribeInstancesCommand({}), call)));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });
});

describe('the handler', () => {
  test.for(['silent', 'stalled'] as const)('gives up on an answer that is %s', async (answer) => {
    const endpoint = await startEndpoint(() => answer);
    open.push(endpoint);
    const handler = createHandler({}, { connectMs: 1_000, answerMs: 100 });
    const url = new URL(endpoint.url);
    const request = {
      protocol: 'http:',
      hostname: url.hostname,
      port: Number(url.port),
      method: 'POST',
      path: '/',
      headers: {},
      body: 'x',
    };
    const thrown: unknown = await handler.handle(request).catch((reason: unknown) => reason);
    expect(toFault(thrown, { action: 'x' })).toMatchObject({ kind: 'transient', class: 'unreachable' });
    handler.destroy?.();
  });

  test('writes queries as signatures have them', async () => {
    const endpoint = await startEndpoint(({ action }) => ({ status: 200, body: action }));
    open.push(endpoint);
    const handler = createHandler({});
    const url = new URL(endpoint.url);
    const query = { 'a b': "it's", list: ['1', '2'], flag: null };
    const request = { protocol: 'http:', hostname: url.hostname, port: Number(url.port), method: 'GET', path: '/p', query, headers: {} };
    const { response } = await handler.handle(request);
    expect(String(response.body)).toBe('/p?a%20b=it%27s&list=1&list=2&flag');
    handler.destroy?.();
  });
});
