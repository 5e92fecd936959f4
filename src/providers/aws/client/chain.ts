import type { AwsCredentialIdentity, Provider } from '@smithy/types';
import { messageOf } from '../../../core/errors.ts';
import { Fault } from '../../fault.ts';
import { noCredentials } from '../faults.ts';
import type { AwsOptions } from '../options.ts';
import { endpointOf } from './endpoints.ts';
import type { Handler } from './handler.ts';
import { profileOf } from './regions.ts';

type Env = AwsOptions['env'];

/** Instance metadata answers at once or is not there. */
const METADATA_MS = 1_000;

/**
 * The caller's own credentials, from the sources of the SDK's default chain in its order: variables, profile (keys, SSO, process, role),
 * web identity (as CI systems give it), container, instance metadata. All is read from `env`, except that a profile's own services (SSO,
 * a role to assume) look for their endpoints in the environment of the process, where the SDK alone looks.
 * @throws Fault `denied` `no-credentials`
 */
export async function callerCredentials(env: Env, region: string, handler: Handler): Promise<AwsCredentialIdentity> {
  const fixed = fromVariables(env);
  if (fixed !== undefined) return fixed;
  const reasons: string[] = [];
  for (const source of await sources(env, region, handler)) {
    try {
      return await source();
    } catch (thrown) {
      // A profile that was asked for by name and fails must not be followed by somebody else's credentials.
      if (!mayGoOn(thrown) || isGiven(env['AWS_PROFILE'])) throw thrown instanceof Fault ? thrown : noCredentials(thrown);
      reasons.push(messageOf(thrown));
    }
  }
  throw noCredentials(reasons.at(0) ?? 'no source of credentials is set');
}

/** Keys in variables, unless a profile is named, which comes before them. */
function fromVariables(env: Env): AwsCredentialIdentity | undefined {
  const [accessKeyId, secretAccessKey, sessionToken] = [env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY'], env['AWS_SESSION_TOKEN']];
  if (isGiven(env['AWS_PROFILE']) || !isGiven(accessKeyId) || !isGiven(secretAccessKey)) return undefined;
  const expiration = env['AWS_CREDENTIAL_EXPIRATION'];
  return {
    accessKeyId,
    secretAccessKey,
    ...(isGiven(sessionToken) ? { sessionToken } : {}),
    ...(isGiven(expiration) ? { expiration: new Date(expiration) } : {}),
  };
}

async function sources(env: Env, region: string, requestHandler: Handler): Promise<readonly Provider<AwsCredentialIdentity>[]> {
  const { fromIni, fromTokenFile, fromHttp, fromInstanceMetadata } = await import('@aws-sdk/credential-providers');
  const [config, shared] = [env['AWS_CONFIG_FILE'], env['AWS_SHARED_CREDENTIALS_FILE']];
  const profile = fromIni({
    profile: profileOf(env),
    ...(isGiven(config) ? { configFilepath: config } : {}),
    ...(isGiven(shared) ? { filepath: shared } : {}),
    clientConfig: { region, requestHandler },
    logger: SILENT,
  });
  if (isGiven(env['AWS_PROFILE'])) return [profile];

  const found: Provider<AwsCredentialIdentity>[] = [profile];
  const [webIdentityTokenFile, roleArn, sts] = [env['AWS_WEB_IDENTITY_TOKEN_FILE'], env['AWS_ROLE_ARN'], endpointOf(env, 'STS')];
  if (isGiven(webIdentityTokenFile) && isGiven(roleArn)) {
    found.push(
      fromTokenFile({
        webIdentityTokenFile,
        roleArn,
        roleSessionName: env['AWS_ROLE_SESSION_NAME'] ?? 'spin',
        clientConfig: { region, requestHandler, ...(sts === undefined ? {} : { endpoint: sts }) },
      }),
    );
  }
  const [relative, full] = [env['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'], env['AWS_CONTAINER_CREDENTIALS_FULL_URI']];
  const [token, tokenFile] = [env['AWS_CONTAINER_AUTHORIZATION_TOKEN'], env['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE']];
  if (isGiven(relative) || isGiven(full)) {
    const uri = isGiven(relative) ? { awsContainerCredentialsRelativeUri: relative } : { awsContainerCredentialsFullUri: full ?? '' };
    found.push(
      fromHttp({
        ...uri,
        ...(isGiven(tokenFile) ? { awsContainerAuthorizationTokenFile: tokenFile } : {}),
        ...(isGiven(token) && !isGiven(tokenFile) ? { awsContainerAuthorizationToken: token } : {}),
      }),
    );
  } else if (env['AWS_EC2_METADATA_DISABLED']?.toLowerCase() !== 'true') {
    found.push(fromInstanceMetadata({ timeout: METADATA_MS, maxRetries: 0 }));
  }
  return found;
}

/** The SDK warns on the console unless it is given another place. */
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** True for a source that has nothing to say, as opposed to one that tried and failed. */
function mayGoOn(thrown: unknown): boolean {
  return thrown instanceof Error && 'tryNextLink' in thrown && thrown.tryNextLink === true;
}

function isGiven(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}
