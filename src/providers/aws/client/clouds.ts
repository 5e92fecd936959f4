import { join } from 'node:path';
import type { AwsCredentialIdentity, Command, MetadataBearer } from '@smithy/types';
import { Fault } from '../../fault.ts';
import type { Call } from '../../provider.ts';
import type { Cloud, Clouds, SendOptions, Service } from '../cloud.ts';
import type { Asked } from '../faults.ts';
import type { AwsOptions } from '../options.ts';
import { Remembered } from '../remembered.ts';
import { assumeRole } from './assume-role.ts';
import { createBuckets, type Buckets } from './buckets.ts';
import { callerCredentials } from './chain.ts';
import { connect, type Connection } from './clients.ts';
import { createHandler, type Handler } from './handler.ts';
import { tollsOf } from './rates.ts';
import { regionOf } from './regions.ts';
import { callerOf, scopeOf } from './scope.ts';
import { send } from './send.ts';
import { type Session, Sessions } from './sessions.ts';

/** What the regions of one process share. */
interface Shared {
  readonly options: AwsOptions;
  readonly handler: Handler;
  readonly buckets: Buckets;
  readonly sessions: Sessions;
  /** Account of the credentials: the same in every region. */
  readonly accounts: Remembered<string>;
}

/** AWS as the options describe it. Nothing is asked, and no SDK client is loaded, before the first request. */
export function createClouds(options: AwsOptions): Clouds {
  const handler = createHandler(options.env);
  const buckets = createBuckets(join(options.cacheDir, 'buckets'));
  const clouds = new Map<string, Cloud>();
  const accounts = new Remembered<string>();
  /** Any region of the partition can say who the caller is; a spin may name one where nothing else does. */
  const anyRegion = () => clouds.keys().next().value ?? regionOf(undefined, options);
  const { role } = options.settings;
  const own = new Sessions(async () => ({ identity: await callerCredentials(options.env, anyRegion(), handler) }));
  const sessions =
    role === undefined
      ? own
      : new Sessions((call) => {
          const shared = { options, handler, buckets, sessions: own, accounts: new Remembered<string>() };
          return assumeRole(openCloud(anyRegion(), shared), role, call);
        });

  return {
    region: async (named) => regionOf(named, options),
    in(region) {
      const cloud = clouds.get(region) ?? openCloud(region, { options, handler, buckets, sessions, accounts });
      clouds.set(region, cloud);
      return cloud;
    },
    swept: async () => {
      if (options.settings.regions.length > 0) return options.settings.regions;
      try {
        return [regionOf(undefined, options)];
      } catch (thrown) {
        // Without a region of its own, this process can still look where it has worked.
        if (clouds.size > 0) return [...clouds.keys()];
        throw thrown;
      }
    },
  };
}

function openCloud(region: string, { options, handler, buckets, sessions, accounts }: Shared): Cloud {
  // By their constructors; the type of each entry follows from its key, which no Map can say.
  const connections = new Map<unknown, unknown>();

  const connectionTo = <In extends object, Out extends MetadataBearer, Config>(service: Service<In, Out, Config>) => {
    const found = connections.get(service) as Connection<In, Out, Config> | undefined;
    const connection = found ?? connect(service, region, options, handler, async (): Promise<AwsCredentialIdentity> => sessions.current());
    connections.set(service, connection);
    return connection;
  };

  const cloud: Cloud = {
    region,
    options,

    account: (call) => accounts.get('', call, () => askAccount(cloud, sessions, call)),

    caller: async (call) => callerOf((await sessions.get(call)).identity.accessKeyId),

    async send<AnyIn extends object, AnyOut extends MetadataBearer, Config, In extends AnyIn, Out extends AnyOut>(
      service: Service<AnyIn, AnyOut, Config>,
      command: Command<AnyIn, In, AnyOut, Out, Config>,
      call: Call,
      { instances, ifIdle = false, secret }: SendOptions = {},
    ): Promise<Out> {
      const { client, service: id, endpoint } = connectionTo(service);
      const asked = { ...askedBy(id, command), elsewhere: endpoint !== undefined };
      const once = ({ identity }: Session) => {
        const scope = scopeOf(identity.accessKeyId, region, id, endpoint);
        return send(client, command, { buckets, scope, tolls: tollsOf(id, asked.name, instances), asked, ifIdle, secret }, call);
      };
      const session = await sessions.get(call);
      try {
        return await once(session);
      } catch (thrown) {
        if (!(thrown instanceof Fault) || thrown.class !== 'credentials-expired' || !sessions.forget(session.identity)) throw thrown;
        return once(await sessions.get(call));
      }
    },
  };
  return cloud;
}

/** The account comes with the credentials of a role; of others it is asked for. */
async function askAccount(cloud: Cloud, sessions: Sessions, call: Call): Promise<string> {
  const { account } = await sessions.get(call);
  if (account !== undefined) return account;
  const { GetCallerIdentityCommand, STSClient } = await import('@aws-sdk/client-sts');
  const { Account } = await cloud.send(STSClient, new GetCallerIdentityCommand({}), call);
  if (Account === undefined) throw new Fault('invalid', 'unimplemented', 'sts:GetCallerIdentity: the answer names no account');
  return Account;
}

/** What a command asks, for tolls and messages. */
function askedBy(service: string, command: { readonly input: object; readonly schema?: unknown }): Asked & { readonly name: string } {
  const { input, schema } = command;
  // An operation of the SDK's schemas is a list: what it is, namespace, name, and so on.
  const name = Array.isArray(schema) && typeof schema[2] === 'string' ? schema[2] : command.constructor.name.replace(/Command$/, '');
  const instanceType = 'InstanceType' in input && typeof input.InstanceType === 'string' ? input.InstanceType : undefined;
  const spot = 'InstanceMarketOptions' in input && input.InstanceMarketOptions !== undefined;
  return { name, action: `${prefixOf(service)}:${name}`, spot, ...(instanceType === undefined ? {} : { instanceType }) };
}

/** Services whose IAM prefix is not their ID. */
const PREFIXES: Readonly<Record<string, string>> = {
  'Elastic Load Balancing v2': 'elasticloadbalancing',
  'Service Quotas': 'servicequotas',
  'Cost Explorer': 'ce',
  'EC2 Instance Connect': 'ec2-instance-connect',
};

function prefixOf(service: string): string {
  return PREFIXES[service] ?? service.toLowerCase();
}
