import type { CredentialsOutcome } from '../../app/credentials.ts';
import { lines } from './parts.ts';

/** For machines to read: `env` for a shell, `json`, or what an AWS profile's `credential_process` prints. */
export function viewCredentials(credentials: CredentialsOutcome, format: 'env' | 'json' | 'credential-process'): string {
  const { accessKeyId, secretAccessKey, sessionToken, expiresAt, region } = credentials;
  if (format === 'env') {
    const variables = {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
      // Not every AWS tool reads it; people do.
      AWS_CREDENTIAL_EXPIRATION: expiresAt,
      ...(region === undefined ? {} : { AWS_REGION: region }),
    };
    return lines(Object.entries(variables).map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`));
  }
  // https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sourcing-external.html
  const process = {
    Version: 1,
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: sessionToken,
    Expiration: expiresAt,
  };
  return JSON.stringify(format === 'json' ? { ...process, Region: region } : process);
}
