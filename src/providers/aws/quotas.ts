/** A quota of Service Quotas: its code and the name that people know it by. */
export interface Quota {
  readonly code: string;
  readonly name: string;
}

type Market = 'on-demand' | 'spot';

/**
 * The vCPU quotas of EC2, by the letters that an instance type begins with. Every letter of the standard families shares one.
 * Source: "Amazon EC2 instance type quotas" and "Spot Instance quotas" in the EC2 user guide; the codes are those of Service Quotas.
 */
const FAMILIES: readonly { readonly letters: readonly string[]; readonly quotas: Readonly<Partial<Record<Market, Quota>>> }[] = [
  {
    letters: ['a', 'c', 'd', 'h', 'i', 'm', 'r', 't', 'z', 'im', 'is'],
    quotas: {
      'on-demand': { code: 'L-1216C47A', name: 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances' },
      spot: { code: 'L-34B43A08', name: 'All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests' },
    },
  },
  {
    letters: ['dl'],
    quotas: {
      'on-demand': { code: 'L-6E869C2A', name: 'Running On-Demand DL instances' },
      spot: { code: 'L-85EED4F7', name: 'All DL Spot Instance Requests' },
    },
  },
  {
    letters: ['f'],
    quotas: {
      'on-demand': { code: 'L-74FC7D96', name: 'Running On-Demand F instances' },
      spot: { code: 'L-88CF9481', name: 'All F Spot Instance Requests' },
    },
  },
  {
    letters: ['g', 'gr', 'vt'],
    quotas: {
      'on-demand': { code: 'L-DB2E81BA', name: 'Running On-Demand G and VT instances' },
      spot: { code: 'L-3819A6DF', name: 'All G and VT Spot Instance Requests' },
    },
  },
  { letters: ['hpc'], quotas: { 'on-demand': { code: 'L-F7808C92', name: 'Running On-Demand HPC instances' } } },
  {
    letters: ['inf'],
    quotas: {
      'on-demand': { code: 'L-1945791B', name: 'Running On-Demand Inf instances' },
      spot: { code: 'L-B5D1601B', name: 'All Inf Spot Instance Requests' },
    },
  },
  {
    letters: ['p'],
    quotas: {
      'on-demand': { code: 'L-417A185B', name: 'Running On-Demand P instances' },
      spot: { code: 'L-7212CCBC', name: 'All P Spot Instance Requests' },
    },
  },
  {
    letters: ['trn'],
    quotas: {
      'on-demand': { code: 'L-2C3B7624', name: 'Running On-Demand Trn instances' },
      spot: { code: 'L-6B0D517C', name: 'All Trn Spot Instance Requests' },
    },
  },
  { letters: ['u'], quotas: { 'on-demand': { code: 'L-43DA4232', name: 'Running On-Demand High Memory instances' } } },
  {
    letters: ['x'],
    quotas: {
      'on-demand': { code: 'L-7295265B', name: 'Running On-Demand X instances' },
      spot: { code: 'L-E3A00192', name: 'All X Spot Instance Requests' },
    },
  },
];

/** The vCPU quota that an instance type is counted by, or undefined where none is known for its family. */
export function vcpuQuota(instanceType: string, spot: boolean): Quota | undefined {
  const letters = /^[a-z]+/.exec(instanceType)?.[0] ?? '';
  return FAMILIES.find((family) => family.letters.includes(letters))?.quotas[spot ? 'spot' : 'on-demand'];
}

/** Quotas that are not counted in vCPUs, by the error code that tells of them. */
export const OTHER_QUOTAS: Readonly<Record<string, Quota>> = {
  SecurityGroupLimitExceeded: { code: 'L-E79EC296', name: 'VPC security groups per Region' },
  RulesPerSecurityGroupLimitExceeded: { code: 'L-0EA8095F', name: 'Inbound or outbound rules per security group' },
  AddressLimitExceeded: { code: 'L-0263D0A3', name: 'EC2-VPC Elastic IPs' },
  InstanceQuotaExceeded: { code: 'L-7B6409FD', name: 'DB instances' },
};
