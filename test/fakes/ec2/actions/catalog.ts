import {
  DescribeAccountAttributes$,
  DescribeImages$,
  DescribeInstanceTypeOfferings$,
  DescribeInstanceTypes$,
  DescribeSpotPriceHistory$,
} from '@aws-sdk/client-ec2';
import type {
  DescribeAccountAttributesRequest,
  DescribeAccountAttributesResult,
  DescribeImagesRequest,
  DescribeImagesResult,
  DescribeInstanceTypeOfferingsRequest,
  DescribeInstanceTypeOfferingsResult,
  DescribeInstanceTypesRequest,
  DescribeInstanceTypesResult,
  DescribeSpotPriceHistoryRequest,
  DescribeSpotPriceHistoryResult,
  Image,
  InstanceTypeInfo,
} from '@aws-sdk/client-ec2';
import { select, taggedFields } from '../filters.ts';
import type { Fields } from '../filters.ts';
import { page, refusePageOfNamed } from '../pages.ts';
import { invalidValue, refuse } from '../protocol/refusal.ts';
import { isOffered, TYPES } from '../world/catalog.ts';
import type { TypeEntry } from '../world/catalog.ts';
import { tagSet } from '../world/tags.ts';
import type { ImageThing } from '../world/things.ts';
import { action } from './action.ts';
import type { Action, Context } from './action.ts';

export const CATALOG_ACTIONS: readonly Action[] = [
  action<DescribeImagesRequest>(
    DescribeImages$,
    ['ImageIds', 'Owners', 'Filters', 'MaxResults', 'NextToken', 'IncludeDeprecated', 'IncludeDisabled'],
    describeImages,
  ),
  action<DescribeInstanceTypesRequest>(
    DescribeInstanceTypes$,
    ['InstanceTypes', 'Filters', 'MaxResults', 'NextToken'],
    describeInstanceTypes,
  ),
  action<DescribeInstanceTypeOfferingsRequest>(
    DescribeInstanceTypeOfferings$,
    ['LocationType', 'Filters', 'MaxResults', 'NextToken'],
    describeInstanceTypeOfferings,
  ),
  action<DescribeSpotPriceHistoryRequest>(
    DescribeSpotPriceHistory$,
    ['InstanceTypes', 'ProductDescriptions', 'AvailabilityZone', 'StartTime', 'EndTime', 'Filters', 'MaxResults', 'NextToken'],
    describeSpotPriceHistory,
  ),
  action<DescribeAccountAttributesRequest>(DescribeAccountAttributes$, ['AttributeNames'], describeAccountAttributes),
];

const IMAGE_FIELDS: Fields<ImageThing> = {
  ...taggedFields,
  architecture: ({ architecture }) => architecture,
  description: ({ description }) => description,
  'image-id': ({ id }) => id,
  'image-type': () => 'machine',
  'is-public': () => true,
  name: ({ name }) => name,
  'owner-alias': ({ ownerAlias }) => ownerAlias,
  'owner-id': ({ owner }) => owner,
  'root-device-name': ({ rootDevice }) => rootDevice,
  'root-device-type': () => 'ebs',
  state: () => 'available',
  'virtualization-type': () => 'hvm',
};

function describeImages({ region }: Context, input: DescribeImagesRequest): DescribeImagesResult {
  const { ImageIds: ids, Owners: owners } = input;
  refusePageOfNamed(input, ids, 'imageSet');
  const all = region.listed('image', ids);
  const owned = all.filter(({ owner, ownerAlias = '' }) => owners === undefined || owners.includes(owner) || owners.includes(ownerAlias));
  const { items, ...next } = page(select(owned, input.Filters, IMAGE_FIELDS), input, {
    of: 'DescribeImages',
    size: region.world.options.pageSize,
    position: ({ serial }) => serial,
  });
  return { Images: items.map(describeImage), ...next };
}

function describeImage(image: ImageThing): Image {
  return {
    ImageId: image.id,
    ImageLocation: `amazon/${image.name}`,
    State: 'available',
    OwnerId: image.owner,
    ...(image.ownerAlias === undefined ? {} : { ImageOwnerAlias: image.ownerAlias }),
    CreationDate: '2026-01-01T00:00:00.000Z',
    Public: true,
    ProductCodes: [],
    Architecture: image.architecture,
    ImageType: 'machine',
    Name: image.name,
    Description: image.description,
    RootDeviceName: image.rootDevice,
    RootDeviceType: 'ebs',
    VirtualizationType: 'hvm',
    Hypervisor: 'xen',
    EnaSupport: true,
    PlatformDetails: 'Linux/UNIX',
    UsageOperation: 'RunInstances',
    BlockDeviceMappings: [
      {
        DeviceName: image.rootDevice,
        Ebs: {
          DeleteOnTermination: true,
          Iops: 3000,
          SnapshotId: image.snapshotId,
          VolumeSize: image.sizeGiB,
          VolumeType: 'gp3',
          Throughput: 125,
          Encrypted: false,
        },
      },
      ...image.further.map(({ device, snapshotId, sizeGiB }) => ({
        DeviceName: device,
        Ebs: { DeleteOnTermination: false, SnapshotId: snapshotId, VolumeSize: sizeGiB, VolumeType: 'gp2' as const, Encrypted: false },
      })),
      // As images of that age have it: a disk of the host, where its type has one.
      ...(image.further.length === 0 ? [] : [{ DeviceName: '/dev/sdd', VirtualName: 'ephemeral0' }]),
    ],
    ...tagSet(image.tags),
  };
}

const TYPE_FIELDS: Fields<TypeEntry> = {
  'bare-metal': () => false,
  'burstable-performance-supported': ({ burstable }) => burstable,
  'current-generation': () => true,
  hypervisor: () => 'nitro',
  'instance-storage-supported': () => false,
  'instance-type': ({ name }) => name,
  'memory-info.size-in-mib': ({ memoryMiB }) => memoryMiB,
  'processor-info.supported-architecture': ({ architecture }) => architecture,
  'supported-usage-class': () => ['on-demand', 'spot'],
  'vcpu-info.default-vcpus': ({ vcpus }) => vcpus,
};

function describeInstanceTypes({ region }: Context, input: DescribeInstanceTypesRequest): DescribeInstanceTypesResult {
  refusePageOfNamed(input, input.InstanceTypes, 'instanceTypes');
  const names = input.InstanceTypes ?? [];
  const unknown = names.filter((name) => !TYPES.has(name));
  if (unknown.length > 0) {
    refuse('InvalidInstanceType', `The following supplied instance types do not exist: [${unknown.join(', ')}]`);
  }
  const entries = [...TYPES.values()].map((entry, at) => ({ ...entry, at }));
  const found = select(
    entries.filter(({ name }) => names.length === 0 || names.includes(name)),
    input.Filters,
    TYPE_FIELDS,
  );
  const { items, ...next } = page(found, input, {
    of: 'DescribeInstanceTypes',
    size: region.world.options.pageSize,
    most: 100,
    position: ({ at }) => at,
  });
  return { InstanceTypes: items.map(describeType), ...next };
}

function describeType(entry: TypeEntry & { readonly at: number }): InstanceTypeInfo {
  const threads = entry.architecture === 'arm64' ? 1 : 2;
  return {
    InstanceType: entry.name,
    CurrentGeneration: true,
    FreeTierEligible: false,
    SupportedUsageClasses: ['on-demand', 'spot'],
    SupportedRootDeviceTypes: ['ebs'],
    SupportedVirtualizationTypes: ['hvm'],
    BareMetal: false,
    Hypervisor: 'nitro',
    ProcessorInfo: { SupportedArchitectures: [entry.architecture] },
    VCpuInfo: { DefaultVCpus: entry.vcpus, DefaultCores: entry.vcpus / threads, DefaultThreadsPerCore: threads },
    MemoryInfo: { SizeInMiB: entry.memoryMiB },
    InstanceStorageSupported: false,
    EbsInfo: { EbsOptimizedSupport: 'default', EncryptionSupport: 'supported', NvmeSupport: 'required' },
    BurstablePerformanceSupported: entry.burstable,
    DedicatedHostsSupported: false,
    AutoRecoverySupported: true,
  };
}

function describeInstanceTypeOfferings(
  { region }: Context,
  input: DescribeInstanceTypeOfferingsRequest,
): DescribeInstanceTypeOfferingsResult {
  const { LocationType: kind = 'region' } = input;
  const zoneIds = new Map(region.visible('subnet').map(({ zone, zoneId }) => [zone, zoneId]));
  const locations = kind === 'region' ? [region.name] : kind === 'outpost' ? [] : region.zones;
  const all = locations
    .flatMap((location) =>
      [...TYPES.values()]
        .filter(({ name }) => kind === 'region' || isOffered(name, location))
        .map(({ name }) => ({ name, location: kind === 'availability-zone-id' ? (zoneIds.get(location) ?? '') : location })),
    )
    .map((offering, at) => ({ ...offering, at }));
  const found = select(all, input.Filters, { 'instance-type': ({ name }) => name, location: ({ location }) => location });
  const { items, ...next } = page(found, input, {
    of: 'DescribeInstanceTypeOfferings',
    size: region.world.options.pageSize,
    position: ({ at }) => at,
  });
  return {
    InstanceTypeOfferings: items.map(({ name, location }) => ({ InstanceType: name, LocationType: kind, Location: location })),
    ...next,
  };
}

/** One price per type and zone that has held since the beginning of 2026. */
function describeSpotPriceHistory({ region }: Context, input: DescribeSpotPriceHistoryRequest): DescribeSpotPriceHistoryResult {
  const since = Date.UTC(2026, 0, 1);
  const products = input.ProductDescriptions ?? ['Linux/UNIX'];
  const stranger = products.find((product) => !/^Linux\/UNIX( \(Amazon VPC\))?$/.test(product));
  if (stranger !== undefined) invalidValue(`The product description ${stranger} is not imitated`);
  const all = region.zones
    .filter((zone) => (input.AvailabilityZone ?? zone) === zone)
    .flatMap((zone) => [...TYPES.values()].filter(({ name }) => isOffered(name, zone)).map((entry) => ({ ...entry, zone })))
    .filter(({ name }) => input.InstanceTypes === undefined || input.InstanceTypes.length === 0 || input.InstanceTypes.includes(name))
    .filter(() => (input.EndTime?.getTime() ?? Infinity) >= since)
    .map((entry, at) => ({ ...entry, at }));
  const found = select(all, input.Filters, {
    'availability-zone': ({ zone }) => zone,
    'instance-type': ({ name }) => name,
    'product-description': () => 'Linux/UNIX',
    'spot-price': ({ spotPrice }) => spotPrice,
  });
  const { items, ...next } = page(found, input, {
    of: 'DescribeSpotPriceHistory',
    size: region.world.options.pageSize,
    least: 1,
    position: ({ at }) => at,
  });
  return {
    SpotPriceHistory: items.map(({ name, zone, spotPrice }) => ({
      AvailabilityZone: zone,
      InstanceType: name,
      ProductDescription: 'Linux/UNIX',
      SpotPrice: spotPrice,
      Timestamp: new Date(since),
    })),
    // AWS answers with an empty token on the last page.
    NextToken: next.NextToken ?? '',
  };
}

function describeAccountAttributes({ region }: Context, input: DescribeAccountAttributesRequest): DescribeAccountAttributesResult {
  const values: Readonly<Record<string, string>> = {
    'supported-platforms': 'VPC',
    'default-vpc': region.defaultVpc.id,
    'max-instances': '20',
    'vpc-max-security-groups-per-interface': '5',
    'max-elastic-ips': '5',
    'vpc-max-elastic-ips': '5',
  };
  const names = input.AttributeNames ?? Object.keys(values);
  const stranger = names.find((name) => values[name] === undefined);
  if (stranger !== undefined) invalidValue(`Value (${stranger}) for parameter attributeName is invalid.`);
  return {
    AccountAttributes: names.map((name) => ({ AttributeName: name, AttributeValues: [{ AttributeValue: values[name] ?? '' }] })),
  };
}
