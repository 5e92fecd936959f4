import {
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeSecurityGroupsCommand,
  RevokeSecurityGroupIngressCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { EC2Client } from '@aws-sdk/client-ec2';
import { expect, it } from 'vitest';
import { ManualClock } from '../clock.ts';
import { clientOf, ec2For, idsOf, launchOf } from './fixture.ts';

async function groupOf(client: EC2Client, name: string): Promise<string> {
  const { GroupId: id = '' } = await client.send(new CreateSecurityGroupCommand({ GroupName: name, Description: `group ${name}` }));
  return id;
}

const tcp = (port: number, peer: object) => ({ IpProtocol: 'tcp', FromPort: port, ToPort: port, ...peer });
const world = { IpRanges: [{ CidrIp: '0.0.0.0/0', Description: 'everyone' }] };

it('holds rules between groups and from the world, and lists them by group and one by one', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const [web, db] = [await groupOf(client, 'web'), await groupOf(client, 'db')];
  const opened = await client.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: web, IpPermissions: [tcp(80, world)] }));
  expect(opened.SecurityGroupRules).toMatchObject([
    { GroupId: web, IsEgress: false, IpProtocol: 'tcp', FromPort: 80, CidrIpv4: '0.0.0.0/0' },
  ]);
  const fromWeb = tcp(5432, { UserIdGroupPairs: [{ GroupId: web }] });
  await client.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: db, IpPermissions: [fromWeb] }));
  await client.send(new AuthorizeSecurityGroupEgressCommand({ GroupId: db, IpPermissions: [tcp(443, world)] }));

  const { SecurityGroups: groups } = await client.send(
    new DescribeSecurityGroupsCommand({ Filters: [{ Name: 'ip-permission.group-id', Values: [web] }] }),
  );
  expect(groups).toMatchObject([
    {
      GroupId: db,
      GroupName: 'db',
      IpPermissions: [{ IpProtocol: 'tcp', FromPort: 5432, ToPort: 5432, UserIdGroupPairs: [{ GroupId: web, UserId: '123456789012' }] }],
      IpPermissionsEgress: [
        { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
        { IpProtocol: 'tcp', FromPort: 443 },
      ],
    },
  ]);
  const { SecurityGroupRules: rules } = await client.send(
    new DescribeSecurityGroupRulesCommand({ Filters: [{ Name: 'group-id', Values: [db] }] }),
  );
  expect(rules).toMatchObject([{ IsEgress: true }, { ReferencedGroupInfo: { GroupId: web } }, { IsEgress: true, FromPort: 443 }]);
  await expect(client.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: db, IpPermissions: [fromWeb] }))).rejects.toMatchObject({
    name: 'InvalidPermission.Duplicate',
  });
  await client.send(new RevokeSecurityGroupIngressCommand({ GroupId: db, IpPermissions: [fromWeb] }));
  await expect(client.send(new RevokeSecurityGroupIngressCommand({ GroupId: db, IpPermissions: [fromWeb] }))).rejects.toMatchObject({
    name: 'InvalidPermission.NotFound',
  });
});

it('refuses a name twice, even where nobody can see the first yet', async () => {
  const clock = new ManualClock();
  const ec2 = await ec2For({ clock, visibleMs: 1_000 });
  const client = clientOf(ec2);
  const id = await groupOf(client, 'web');
  await expect(groupOf(client, 'web')).rejects.toMatchObject({ name: 'InvalidGroup.Duplicate' });
  await expect(
    client.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: id, IpPermissions: [tcp(80, world)] })),
  ).rejects.toMatchObject({ name: 'InvalidGroup.NotFound' });
  const { SecurityGroups: none } = await client.send(
    new DescribeSecurityGroupsCommand({ Filters: [{ Name: 'group-name', Values: ['web'] }] }),
  );
  expect(none).toEqual([]);
  await clock.advance(1_000);
  const { SecurityGroups: one } = await client.send(
    new DescribeSecurityGroupsCommand({ Filters: [{ Name: 'group-name', Values: ['web'] }] }),
  );
  expect(one).toHaveLength(1);
});

it('keeps a group while an instance that is not terminated, or a rule of another group, needs it', async () => {
  const clock = new ManualClock();
  const ec2 = await ec2For({ clock, stoppingMs: 30_000 });
  const client = clientOf(ec2);
  const [web, db] = [await groupOf(client, 'web'), await groupOf(client, 'db')];
  await client.send(
    new AuthorizeSecurityGroupIngressCommand({ GroupId: db, IpPermissions: [tcp(5432, { UserIdGroupPairs: [{ GroupId: web }] })] }),
  );
  const made = await client.send(new RunInstancesCommand(launchOf({ SecurityGroupIds: [db] })));
  const refused = (GroupId: string) =>
    expect(client.send(new DeleteSecurityGroupCommand({ GroupId }))).rejects.toMatchObject({
      name: 'DependencyViolation',
      message: `resource ${GroupId} has a dependent object`,
      $metadata: { httpStatusCode: 400 },
    });
  await refused(web);
  await refused(db);
  await client.send(new TerminateInstancesCommand({ InstanceIds: idsOf(made) }));
  await refused(db);
  await clock.advance(30_000);
  await client.send(new DeleteSecurityGroupCommand({ GroupId: db }));
  await client.send(new DeleteSecurityGroupCommand({ GroupId: web }));
  await expect(client.send(new DeleteSecurityGroupCommand({ GroupId: web }))).rejects.toMatchObject({ name: 'InvalidGroup.NotFound' });
  expect(ec2.snapshot().groups).toEqual([]);
});

it('does not let anybody delete the default group', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const { SecurityGroups: groups = [] } = await client.send(new DescribeSecurityGroupsCommand({}));
  expect(groups).toMatchObject([{ GroupName: 'default' }]);
  await expect(client.send(new DeleteSecurityGroupCommand({ GroupName: 'default' }))).rejects.toMatchObject({ name: 'CannotDelete' });
});
