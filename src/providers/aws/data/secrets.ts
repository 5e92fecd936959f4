import {
  AddTagsToResourceCommand,
  DeleteParameterCommand,
  DescribeParametersCommand,
  GetParametersCommand,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
import { InternalError } from '../../../core/errors.ts';
import { OWNED } from '../../../core/tags.ts';
import type { Desire } from '../../../plan/plan.ts';
import { Fault } from '../../fault.ts';
import type { Call, CreateRequest, Found, Handle, InventoryScope, Observation, Target } from '../../provider.ts';
import { readSecretSource } from '../../secret-source.ts';
import type { Cloud } from '../cloud.ts';
import { isClass, unless } from '../fault-class.ts';
import { parameterName, spinOfPath, spinPath } from '../names.ts';
import { handleText, made, observation, observeAll } from '../observing.ts';
import { creationTags } from '../ownership.ts';
import { allPages, inParts } from '../pages.ts';
import type { Region } from '../region.ts';

/** Each secret is a SecureString of the SSM Parameter Store, encrypted with the account's own key for it (`alias/aws/ssm`). */

/** Sizes in bytes that the tiers hold (PutParameter, API reference): standard costs nothing, advanced 0.05 USD a month. */
const STANDARD_BYTES = 4_096;
const ADVANCED_BYTES = 8_192;
/** GetParameters takes ten names. */
const NAMES_PER_REQUEST = 10;
const GONE = ['ParameterNotFound'];
/** How long a deletion is looked after before the engine is told to look again later. */
const PROOF_LOOKS = 5;
const PROOF_PAUSE_MS = 300;

/**
 * Gets the value from its source and stores it. A value that an earlier try with the same token stored is kept, also where
 * its source cannot be read any more.
 * @throws Fault `secret-unresolved`, `secret-too-large`; no message ever holds the value
 */
export async function createSecret(cloud: Cloud, request: CreateRequest, call: Call): Promise<Handle> {
  const desire = desireOf(request);
  const parameter = parameterName(request.spin, request.key);
  const handle = made(call, { parameter });
  const began = call.clock.now();
  let value: string;
  try {
    const io = { env: cloud.options.env, baseDir: desire.baseDir ?? '/', signal: call.signal };
    value = fitting(desire.name, await readSecretSource(desire.name, desire.source, io));
  } catch (thrown) {
    call.signal.throwIfAborted();
    if (thrown instanceof Fault && (await isThere(cloud, parameter, call))) return handle;
    throw thrown;
  }
  await put(cloud, request, parameter, value, call);
  call.emit({ type: 'secret.issued', resource: request.key, ms: call.clock.now() - began });
  return handle;
}

/** One request for every ten secrets; values are not decrypted for it. */
export async function observeSecrets(
  { cloud, asked }: Pick<Region, 'cloud' | 'asked'>,
  targets: readonly Target[],
  call: Call,
): Promise<ReadonlyMap<string, Observation>> {
  const nameOf = (target: Target) => parameterName(target.spin, target.key);
  return observeAll(
    targets,
    async () => {
      const answers = await Promise.all(
        inParts(targets.map(nameOf), NAMES_PER_REQUEST).map((Names) =>
          cloud.send(SSMClient, new GetParametersCommand({ Names: [...Names], WithDecryption: false }), call),
        ),
      );
      const there = new Set(answers.flatMap(({ Parameters }) => (Parameters ?? []).map(({ Name }) => Name)));
      return (target) => (there.has(nameOf(target)) ? observation('running', 'issued') : asked.missing(target, call));
    },
    call,
  );
}

/** `absent` once AWS says that there is no such parameter. @throws Fault */
export async function releaseSecret(
  { cloud, asked }: Pick<Region, 'cloud' | 'asked'>,
  target: Target,
  call: Call,
): Promise<'requested' | 'absent'> {
  const parameter = parameterName(target.spin, target.key);
  const answer = await destroy(cloud, parameter, call);
  // What was never seen may still be on its way; what was deleted before our eyes is not.
  const proven = answer === 'destroyed' || (answer === 'absent' && !asked.mayBeHidden(target, call));
  if (answer === 'destroyed') call.emit({ type: 'secret.destroyed', resource: target.key });
  return proven ? 'absent' : 'requested';
}

/** @throws Fault */
export async function listSecrets(cloud: Cloud, scope: InventoryScope, call: Call): Promise<readonly Found[]> {
  const { stateTag } = cloud.options;
  const filters = [
    { Key: 'Path', Option: 'Recursive', Values: [spinPath(scope.id).slice(0, -1)] },
    ...(scope.everyone === true ? [] : [{ Key: `tag:${OWNED.state}`, Option: 'Equals', Values: [stateTag] }]),
  ];
  const [parameters, account] = await Promise.all([
    allPages(async (NextToken) => {
      const command = new DescribeParametersCommand({ ParameterFilters: filters, MaxResults: 50, NextToken });
      const page = await cloud.send(SSMClient, command, call);
      return { items: page.Parameters, next: page.NextToken };
    }),
    cloud.account(call),
  ]);
  return parameters.flatMap(({ Name = '', LastModifiedDate }): Found[] => {
    const spin = spinOfPath(Name);
    if (spin === undefined) return [];
    return [
      {
        provider: 'aws',
        id: spin.id,
        incarnation: spin.incarnation,
        resource: `secret.${spin.rest.replace('/', '@')}`,
        kind: 'secret',
        what: `parameter ${Name}`,
        ...(LastModifiedDate === undefined ? {} : { createdAt: LastModifiedDate.getTime() }),
        place: { account, region: cloud.region },
        handle: { parameter: Name },
      },
    ];
  });
}

/** Makes a parameter one of this state location. @throws Fault */
export async function ownSecret(cloud: Cloud, found: Found, call: Call): Promise<void> {
  const command = new AddTagsToResourceCommand({
    ResourceType: 'Parameter',
    ResourceId: handleText(found.handle, 'parameter'),
    Tags: [{ Key: OWNED.state, Value: cloud.options.stateTag }],
  });
  await unless([...GONE, 'InvalidResourceId'], () => cloud.send(SSMClient, command, call));
}

/** @throws Fault */
export async function reclaimSecret(cloud: Cloud, found: Found, call: Call): Promise<'requested' | 'absent'> {
  const parameter = handleText(found.handle, 'parameter');
  if (parameter === undefined) throw new InternalError(`${found.what} was found without a name`);
  return (await destroy(cloud, parameter, call)) === 'requested' ? 'requested' : 'absent';
}

function desireOf({ desire, key }: Target): Extract<Desire, { kind: 'secret' }> {
  if (desire.kind !== 'secret') throw new InternalError(`${key} is no secret`);
  return desire;
}

function fitting(name: string, value: string): string {
  const bytes = Buffer.byteLength(value);
  if (bytes <= ADVANCED_BYTES) return value;
  throw new Fault(
    'invalid',
    'secret-too-large',
    `secret ${name}: its value has ${bytes} bytes, and a parameter of Systems Manager holds at most ${ADVANCED_BYTES}`,
  );
}

async function put(cloud: Cloud, request: CreateRequest, parameter: string, value: string, call: Call): Promise<void> {
  const command = new PutParameterCommand({
    Name: parameter,
    Description: `Secret of spin ${request.spin.id}`,
    Type: 'SecureString',
    Value: value,
    Overwrite: false,
    Tier: Buffer.byteLength(value) > STANDARD_BYTES ? 'Advanced' : 'Standard',
    Tags: creationTags(request),
  });
  try {
    await cloud.send(SSMClient, command, call, { secret: value });
  } catch (thrown) {
    // The name holds the incarnation and the generation: what is there was put there by this very request.
    if (isClass(thrown, 'ParameterAlreadyExists')) return;
    throw thrown;
  }
}

async function isThere(cloud: Cloud, parameter: string, call: Call): Promise<boolean> {
  const command = new GetParametersCommand({ Names: [parameter], WithDecryption: false });
  return ((await cloud.send(SSMClient, command, call)).Parameters ?? []).length > 0;
}

/** `destroyed`: it was there and is gone. `absent`: it was not there. `requested`: AWS has taken the deletion and still shows it. */
async function destroy(cloud: Cloud, Name: string, call: Call): Promise<'destroyed' | 'absent' | 'requested'> {
  const deleted = await unless(GONE, () => cloud.send(SSMClient, new DeleteParameterCommand({ Name }), call));
  for (let look = 1; await isThere(cloud, Name, call); look++) {
    if (look === PROOF_LOOKS) return 'requested';
    await call.clock.sleep(PROOF_PAUSE_MS, call.signal);
  }
  return deleted === undefined ? 'absent' : 'destroyed';
}
