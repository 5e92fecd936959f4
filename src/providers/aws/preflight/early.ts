import { isSpinId } from '../../../core/ids.ts';
import type { Spec } from '../../../spec/spec.ts';
import type { Call } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { resolveImage } from '../instances/images.ts';
import { networkOf } from '../network/network.ts';
import { askAddressesAhead } from './addresses.ts';
import { askLaunchAhead } from './launch.ts';
import { askLeftoversAhead } from './leftovers.ts';
import { askQuotasAhead } from './quota.ts';
import { launchesIn } from './services.ts';
import { offersOf, typeFacts } from './types.ts';

/**
 * Asks all that a preflight of the spec will ask, while something else is waited for: what a first `up` reads is then one round. Waits
 * for nothing and never fails; what is refused is asked again, and told, by whoever needs it. The ID is taken to be the spec's name; under
 * another one, leftovers are asked for again.
 */
export function askAhead(cloud: Cloud, spec: Spec, call: Call): void {
  const launches = launchesIn(spec, cloud.options.settings);
  const [first] = launches;
  if (first === undefined) return;
  const id = spec.name;
  askAddressesAhead(cloud, call);
  if (isSpinId(id)) {
    askLeftoversAhead(cloud, id, call);
    askLaunchAhead(cloud, id, first, call);
  }
  const remembered = [
    cloud.account(call),
    networkOf(cloud, call),
    ...launches.flatMap(({ image, types }) => [
      resolveImage(cloud, image, call),
      typeFacts(cloud, types, call),
      offersOf(cloud, types, call),
    ]),
    ...askQuotasAhead(cloud, launches, call),
  ];
  for (const answer of remembered) answer.catch(() => undefined);
}
