import { type Answer, errorAnswer } from './answers.ts';
import type { Call } from './call.ts';

/** As an account has them that has been in use for a while. */
const VCPUS = 1_152;
/** Codes of vCPU quotas of EC2, on demand and spot: "Amazon EC2 service quotas" in the AWS General Reference. */
const VCPU_CODES = new Set(['L-1216C47A', 'L-DB2E81BA', 'L-417A185B', 'L-34B43A08', 'L-3819A6DF', 'L-7212CCBC']);

/**
 * What Service Quotas says of one quota, in the form of its answers (JSON 1.1); undefined for calls of another kind.
 */
export function quotaAnswer(call: Call): Answer | undefined {
  if (call.service !== 'servicequotas' || call.action !== 'GetServiceQuota') return undefined;
  const { ServiceCode, QuotaCode } = JSON.parse(call.request.body.toString('utf8')) as Readonly<Record<string, string>>;
  if (ServiceCode !== 'ec2' || QuotaCode === undefined || !VCPU_CODES.has(QuotaCode))
    return errorAnswer(call, 400, 'NoSuchResourceException', 'The request failed because the specified service or quota does not exist.');
  const Quota = { ServiceCode, QuotaCode, Value: VCPUS, Unit: 'None', Adjustable: true, GlobalQuota: false };
  return { status: 200, headers: { 'content-type': 'application/x-amz-json-1.1' }, body: Buffer.from(JSON.stringify({ Quota })) };
}
