import { DescribeSubnetsCommand, type EC2Client } from '@aws-sdk/client-ec2';
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  type ElasticLoadBalancingV2Client,
} from '@aws-sdk/client-elastic-load-balancing-v2';

/** Makes a load balancer that an account has before spin comes. @returns the ARN of its listener */
export async function frontListener({
  ec2,
  elb,
}: {
  readonly ec2: EC2Client;
  readonly elb: ElasticLoadBalancingV2Client;
}): Promise<string> {
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({ Filters: [{ Name: 'default-for-az', Values: ['true'] }] }));
  const ids = Subnets.slice(0, 2).flatMap(({ SubnetId }) => SubnetId ?? []);
  const { LoadBalancers = [] } = await elb.send(new CreateLoadBalancerCommand({ Name: 'front', Subnets: ids }));
  const { Listeners = [] } = await elb.send(
    new CreateListenerCommand({
      LoadBalancerArn: LoadBalancers[0]?.LoadBalancerArn,
      Protocol: 'HTTP',
      Port: 80,
      DefaultActions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '404' } }],
    }),
  );
  return String(Listeners[0]?.ListenerArn);
}
