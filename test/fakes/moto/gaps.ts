/** Something that EC2 does and moto does not, even with the proxy in front. */
export interface KnownGap {
  readonly gap: string;
  /** Names of the tests of the provider contract that cannot pass because of it; none where the contract does not come upon it. */
  readonly excuses: readonly string[];
  /** Where what it hides is proven instead. */
  readonly instead: string;
}

/** Each once. What the proxy covers is in test/fakes/moto.md and no gap any more. */
export const KNOWN_GAPS: readonly KnownGap[] = [
  {
    gap: 'no price list: every pricing call is answered with an error page',
    excuses: [],
    instead: 'prices are unknown, which the contract allows; the double answers them',
  },
  {
    gap: 'no SSM session, no DescribeInstanceInformation; SendCommand succeeds and runs nothing',
    excuses: [],
    instead: 'exec and logs say what is missing; the double runs commands',
  },
  {
    gap: 'schedules never fire, and a time that has passed is accepted',
    excuses: [],
    instead: 'the schedule is read back; that the instance ends by itself is proven on the double',
  },
  {
    gap: 'session policies, tag conditions and expiry are not enforced',
    excuses: [],
    instead: 'the policy is checked against the calls that were made, by the action data of AWS',
  },
  {
    gap: 'targets are healthy as soon as they are registered, never initial, also when they do not exist',
    excuses: [],
    instead: 'that a target may take its time is proven with a provider in memory',
  },
  {
    gap: 'databases are available at once and gone at once: no creating, no deleting',
    excuses: [],
    instead: 'their deadline is proven with a provider in memory',
  },
  {
    gap: 'no spot interruption, no SpotInstanceRequestId',
    excuses: [],
    instead: 'the double interrupts spot instances',
  },
  {
    gap: 'an instance profile reaches the first of several instances only',
    excuses: [],
    instead: 'the request is the same for all; the double gives it to each',
  },
  {
    gap: 'nothing but DescribeInstances is paged: the other lists come whole, whatever MaxResults says',
    excuses: [],
    instead: 'the double pages every list',
  },
  {
    gap: 'DescribeTags ignores the filter `tag:KEY`, and so tells everything',
    excuses: [],
    instead: 'spin asks by key and value, which comes to the same; the double heeds both',
  },
  {
    gap: 'DescribeVolumes does not tell DeleteOnTermination; throughput and IOPS given at launch are lost',
    excuses: [],
    instead: 'the double tells them',
  },
  {
    gap: 'a dry run of CreateVpc and of CreateNatGateway creates',
    excuses: [],
    instead: 'spin calls neither',
  },
];

/** The gap that excuses a test of the provider contract, if one does. */
export function excuseFor(testName: string): KnownGap | undefined {
  return KNOWN_GAPS.find(({ excuses }) => excuses.includes(testName));
}
