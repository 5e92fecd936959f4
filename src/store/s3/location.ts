import { SpinError } from '../../core/errors.ts';

/** Where a store on S3 keeps its objects. */
export interface S3Location {
  readonly bucket: string;
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string;
}

/** Names of general purpose buckets: 3 to 63 of `a-z 0-9 . -` (docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html). */
const BUCKET = /^[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]$/;

/** What S3 takes for granted in a key without escaping (object-keys.html, "safe characters"). */
const PREFIX = /^[\w!.*'()/=+@ -]{0,512}$/;

/** True where a state setting means a bucket. */
export function isS3Location(state: string): boolean {
  return state.startsWith('s3://');
}

/** Reads `s3://bucket/prefix`. @throws SpinError `config-invalid` */
export function parseS3Location(state: string): S3Location {
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]*)\/?(.*)$/s.exec(state) ?? [];
  const prefix = path.replace(/^\/+|\/+$/g, '');
  if (!BUCKET.test(bucket) || bucket.includes('..')) refuse(state, `${JSON.stringify(bucket)} is not the name of a bucket`);
  if (!PREFIX.test(prefix) || prefix.split('/').some((part, _, parts) => parts.length > 1 && part === '')) {
    refuse(state, `${JSON.stringify(prefix)} is not a prefix of keys`);
  }
  return { bucket, prefix };
}

/** The one way to write a location, and so the name of the state wherever it is used from. */
export function formatS3Location({ bucket, prefix }: S3Location): string {
  return `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;
}

function refuse(state: string, problem: string): never {
  throw new SpinError('config-invalid', `state ${JSON.stringify(state)}: ${problem}`, {
    hint: 'write s3://BUCKET/PREFIX',
    data: { state },
  });
}
