import type { AwsCredentialIdentity, Client, MetadataBearer } from '@smithy/types';
import type { Service } from '../cloud.ts';
import type { AwsOptions } from '../options.ts';
import { endpointOf, namesEndpoints } from './endpoints.ts';
import type { Handler } from './handler.ts';

/** A client of the SDK and what is to be known of it. */
export interface Connection<In extends object, Out extends MetadataBearer, Config> {
  readonly client: Client<In, Out, Config>;
  /** Service ID of the SDK, such as `EC2`. */
  readonly service: string;
  /** Where it is not the usual one. */
  readonly endpoint?: string;
}

const nothing = (): void => undefined;

/**
 * A logger that is never told of requests: for that the SDK goes through all of every answer, in search of what is secret, even where nobody
 * logs.
 */
const LOGGER = { trace: nothing, debug: nothing, warn: nothing, info: undefined, error: undefined };

/**
 * Makes a client that signs with `credentials` and sends through `handler`. All that the SDK would look up in files is given where it is
 * known, because that look-up costs more than the request. The SDK does not repeat anything: send.ts does.
 */
export function connect<In extends object, Out extends MetadataBearer, Config>(
  service: Service<In, Out, Config>,
  region: string,
  options: AwsOptions,
  handler: Handler,
  credentials: () => Promise<AwsCredentialIdentity>,
): Connection<In, Out, Config> {
  const { env, version } = options;
  const config = {
    region,
    // Marked as kept already: the SDK would go on with what it was given first, also after AWS has said that it is over.
    credentials: Object.assign(credentials, { memoized: true }),
    requestHandler: handler,
    logger: LOGGER,
    maxAttempts: 1,
    retryMode: 'standard',
    authSchemePreference: [],
    userAgentAppId: 'spin',
    defaultUserAgentProvider: async () => [['spin', version]],
    ...(env['AWS_USE_FIPS_ENDPOINT'] === 'true' ? { useFipsEndpoint: true } : {}),
    ...(env['AWS_USE_DUALSTACK_ENDPOINT'] === 'true' ? { useDualstackEndpoint: true } : {}),
  };
  const client = new service(config);
  const id = serviceId(client.config);
  const endpoint = namesEndpoints(env) ? endpointOf(env, id) : undefined;
  // The service ID, which the variable's name is made of, is known only to a client that has been made.
  if (endpoint === undefined) return { client, service: id };
  const named = { ...config, endpoint, useFipsEndpoint: false, useDualstackEndpoint: false };
  return { client: new service(named), service: id, endpoint };
}

function serviceId(config: unknown): string {
  const known = typeof config === 'object' && config !== null && 'serviceId' in config ? config.serviceId : undefined;
  return typeof known === 'string' ? known : '';
}
