/**
 * The raw minimum: the calls without which there are no such instances, written by hand, and nothing checked. Its instances are those of
 * spin: the same tags, disk, metadata options and as much user data, as an endpoint takes longer to make those than bare ones.
 * `raw up COUNT FILE` writes what it made into the file, `raw down COUNT FILE` ends that.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  DescribeInstancesCommand,
  EC2Client,
  type ResourceType,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';

/** As often as a careful program would ask. */
const POLL_MS = 200;

interface Made {
  readonly group: string;
  readonly ids: string[];
}

/** Characters of user data, before they are encoded: about what spin's agent has when it is packed. */
const USER_DATA_LENGTH = 8_000;
const TAGS = ['id', 'incarnation', 'resource', 'state', 'deadline', 'trace', 'owner', 'name'];

async function up(ec2: EC2Client, count: number): Promise<Made> {
  const TagSpecifications = (types: readonly ResourceType[]) =>
    types.map((ResourceType) => ({ ResourceType, Tags: TAGS.map((name) => ({ Key: `bench:${name}`, Value: 'raw' })) }));
  const { GroupId: group = '' } = await ec2.send(
    new CreateSecurityGroupCommand({ GroupName: 'raw', Description: 'raw', TagSpecifications: TagSpecifications(['security-group']) }),
  );
  await ec2.send(
    new AuthorizeSecurityGroupIngressCommand({ GroupId: group, IpProtocol: 'tcp', FromPort: 80, ToPort: 80, CidrIp: '10.0.0.0/8' }),
  );
  const { Instances = [] } = await ec2.send(
    new RunInstancesCommand({
      ImageId: process.env['RAW_IMAGE'],
      InstanceType: 'm5.large',
      MinCount: count,
      MaxCount: count,
      SubnetId: process.env['RAW_SUBNET'],
      UserData: Buffer.alloc(USER_DATA_LENGTH, 'raw').toString('base64'),
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1, HttpEndpoint: 'enabled', InstanceMetadataTags: 'enabled' },
      BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { VolumeType: 'gp3', Encrypted: true, DeleteOnTermination: true } }],
      InstanceInitiatedShutdownBehavior: 'terminate',
      SecurityGroupIds: [group],
      TagSpecifications: TagSpecifications(['instance', 'volume', 'network-interface']),
    }),
  );
  const ids = Instances.map(({ InstanceId = '' }) => InstanceId);
  await until(ec2, ids, 'running');
  return { group, ids };
}

async function down(ec2: EC2Client, { group, ids }: Made): Promise<void> {
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  await until(ec2, ids, 'terminated');
  await ec2.send(new DeleteSecurityGroupCommand({ GroupId: group }));
}

async function until(ec2: EC2Client, InstanceIds: string[], state: string): Promise<void> {
  for (;;) {
    const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({ InstanceIds }));
    if (Reservations.every(({ Instances = [] }) => Instances.every(({ State }) => State?.Name === state))) return;
    await delay(POLL_MS);
  }
}

async function main([verb, count, file = '']: readonly string[]): Promise<void> {
  const ec2 = new EC2Client({});
  if (verb === 'up') writeFileSync(file, JSON.stringify(await up(ec2, Number(count))));
  else await down(ec2, JSON.parse(readFileSync(file, 'utf8')) as Made);
  ec2.destroy();
}

main(process.argv.slice(2)).catch((thrown: unknown) => {
  // The source line that Node would print is the whole bundle.
  process.stderr.write(`${String(thrown)}\n`);
  process.exitCode = 1;
});
