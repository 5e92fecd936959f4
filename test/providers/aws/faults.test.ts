import { describe, expect, test } from 'vitest';
import { kindOf, noCredentials, toFault } from '../../../src/providers/aws/faults.ts';
import { vcpuQuota } from '../../../src/providers/aws/quotas.ts';
import { Fault } from '../../../src/providers/fault.ts';

const ASKED = { action: 'ec2:RunInstances' };

function thrown(name: string, status: number, more: object = {}): Error {
  return Object.assign(new Error('told by AWS'), { name, $metadata: { httpStatusCode: status }, ...more });
}

describe('an error code', () => {
  test.for([
    ['RequestLimitExceeded', 'throttled'],
    ['ThrottlingException', 'throttled'],
    ['LimitExceededException', 'throttled'],
    ['LimitExceeded', 'quota'],
    ['ServiceQuotaExceededException', 'quota'],
    ['InsufficientInstanceCapacity', 'capacity'],
    ['Unsupported', 'capacity'],
    ['AccessDeniedException', 'denied'],
    ['InvalidInstanceID.NotFound', 'not-found'],
    ['InvalidVolume.NotFound', 'not-found'],
    ['DBInstanceNotFoundFault', 'not-found'],
    ['ResourceNotFoundException', 'not-found'],
    ['InvalidGroup.Duplicate', 'conflict'],
    ['DependencyViolation', 'conflict'],
    ['ConflictException', 'conflict'],
    ['InternalError', 'transient'],
    ['InternalServerException', 'transient'],
    ['ServiceUnavailableException', 'transient'],
    ['TagLimitExceeded', 'invalid'],
    ['MissingParameter', undefined],
  ] as const)('%s is %s', ([code, kind]) => {
    expect(kindOf(code)).toBe(kind);
  });

  test('that is not known is told by its status', () => {
    expect(toFault(thrown('NewClientError', 400), ASKED)).toMatchObject({ kind: 'invalid', class: 'NewClientError' });
    expect(toFault(thrown('NewServerError', 500), ASKED).kind).toBe('transient');
    expect(toFault(thrown('Slow', 429), ASKED).kind).toBe('throttled');
    // A whole answer whose body cannot be read was cut off.
    expect(toFault(thrown('SyntaxError', 200), ASKED).kind).toBe('transient');
  });

  test('that the SDK marks as one to repeat is transient, or a throttling', () => {
    expect(toFault(thrown('Odd', 400, { $retryable: {} }), ASKED).kind).toBe('transient');
    expect(toFault(thrown('Odd', 400, { $retryable: { throttling: true } }), ASKED).kind).toBe('throttled');
  });

  test('on the wire comes before the name that the SDK gives it', () => {
    expect(toFault(thrown('NoSuchEntityException', 404, { Code: 'NoSuchEntity' }), ASKED)).toMatchObject({
      kind: 'not-found',
      class: 'NoSuchEntity',
    });
  });
});

describe('a fault', () => {
  test('is passed on as it is', () => {
    const fault = new Fault('conflict', 'mine', 'mine');
    expect(toFault(fault, ASKED)).toBe(fault);
  });

  test('keeps what was thrown, and says what was asked', () => {
    const error = thrown('MissingParameter', 400);
    expect(toFault(error, ASKED)).toMatchObject({ message: 'ec2:RunInstances: told by AWS', cause: error });
  });

  test('of the network is transient, whatever its code', () => {
    for (const code of ['ECONNRESET', 'ENOTFOUND', 'EPIPE', 'ERR_SSL_WRONG_VERSION_NUMBER']) {
      expect(toFault(Object.assign(new Error('lost'), { code }), ASKED)).toMatchObject({ kind: 'transient', class: 'unreachable' });
    }
  });

  test('of credentials says what to do after one stop', () => {
    const unread = new Error('Could not load credentials from file(s).');
    expect(noCredentials(unread).message).toMatch(/file\(s\); set AWS_PROFILE/);
    for (const code of ['CredentialsProviderError', 'ExpiredToken']) {
      expect(toFault(Object.assign(new Error('It is over.'), { name: code }), ASKED).message).toMatch(/It is over; /);
    }
  });

  test('of a quota that is not counted in vCPUs names it too', () => {
    expect(toFault(thrown('SecurityGroupLimitExceeded', 400), ASKED).message).toContain('L-E79EC296, VPC security groups per Region');
  });
});

describe('a vCPU quota', () => {
  test.for([
    ['t3.micro', false, 'L-1216C47A'],
    ['m7i-flex.large', false, 'L-1216C47A'],
    ['c7g.large', true, 'L-34B43A08'],
    ['g5.xlarge', false, 'L-DB2E81BA'],
    ['inf2.xlarge', true, 'L-B5D1601B'],
    ['p5.48xlarge', false, 'L-417A185B'],
    ['trn1.2xlarge', true, 'L-6B0D517C'],
    ['x2gd.large', false, 'L-7295265B'],
    ['u-6tb1.metal', false, 'L-43DA4232'],
    ['hpc7g.4xlarge', true, undefined],
    ['new9.large', false, undefined],
  ] as const)('of %s (spot: %s) is %s', ([type, spot, code]) => {
    expect(vcpuQuota(type, spot)?.code).toBe(code);
  });
});
