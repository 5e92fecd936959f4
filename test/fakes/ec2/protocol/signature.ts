import { Refusal } from './refusal.ts';

/** Who signed a request, and for where. Signatures are not verified: any secret will do. */
export interface Scope {
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
}

const CREDENTIAL = /Credential=([^/,\s]+)\/\d{8}\/([^/,\s]+)\/([^/,\s]+)\/aws4_request/;

/** @throws Refusal `MissingAuthenticationToken` 403 where a request carries no signature */
export function scopeOf(authorization: string | undefined): Scope {
  const [, accessKeyId, region, service] = CREDENTIAL.exec(authorization ?? '') ?? [];
  if (accessKeyId === undefined || region === undefined || service === undefined) {
    throw new Refusal(403, 'MissingAuthenticationToken', 'Request is missing Authentication Token');
  }
  return { accessKeyId, region, service };
}
