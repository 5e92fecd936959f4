import {
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  ElasticLoadBalancingV2Client,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { Fault } from '../../fault.ts';
import type { Call } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { Remembered } from '../remembered.ts';

/** The configured listener of an application load balancer, behind which exposed services are put. */
export interface Listener {
  readonly arn: string;
  readonly port: number;
  readonly scheme: 'http' | 'https';
  /** Name of the load balancer in the DNS. */
  readonly host: string;
  readonly securityGroups: readonly string[];
}

const listeners = new WeakMap<Cloud, Remembered<Listener>>();

/**
 * The listener of `aws.listener`; asked once per process.
 * @throws Fault `invalid` `no-listener` where the config names none; `not-found` `listener-missing`
 */
export function listenerOf(cloud: Cloud, call: Call): Promise<Listener> {
  const arn = cloud.options.settings.listener;
  if (arn === undefined) throw new Fault('invalid', 'no-listener', 'the config names no aws.listener to put exposed services behind');
  const remembered = listeners.get(cloud) ?? new Remembered<Listener>();
  listeners.set(cloud, remembered);
  return remembered.get(arn, call, () => ask(cloud, arn, call));
}

async function ask(cloud: Cloud, arn: string, call: Call): Promise<Listener> {
  const { Listeners } = await cloud.send(ElasticLoadBalancingV2Client, new DescribeListenersCommand({ ListenerArns: [arn] }), call);
  const [listener] = Listeners ?? [];
  const balancer = listener?.LoadBalancerArn;
  if (balancer === undefined) throw new Fault('not-found', 'listener-missing', `the listener ${arn} of aws.listener is not there`);
  const answer = await cloud.send(ElasticLoadBalancingV2Client, new DescribeLoadBalancersCommand({ LoadBalancerArns: [balancer] }), call);
  const [found] = answer.LoadBalancers ?? [];
  if (found?.DNSName === undefined) throw new Fault('not-found', 'listener-missing', `the load balancer of ${arn} is not there`);
  const scheme = listener?.Protocol === 'HTTPS' ? 'https' : 'http';
  return {
    arn,
    port: listener?.Port ?? (scheme === 'https' ? 443 : 80),
    scheme,
    host: found.DNSName,
    securityGroups: found.SecurityGroups ?? [],
  };
}
