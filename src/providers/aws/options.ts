import type { AwsSettings } from '../../spec/config.ts';

/** What the composition root gives to the AWS provider. */
export interface AwsOptions {
  readonly settings: AwsSettings;
  /** The `spin:state` tag: which state location owns what is made. */
  readonly stateTag: string;
  /** Credentials, region, profile and endpoint are taken from here as the SDK's default chain reads them. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute folder for what may be lost: prices, answers that rarely change, and the token buckets that all spin processes of this machine share. */
  readonly cacheDir: string;
  /** Version of spin, for the user agent. */
  readonly version: string;
}
