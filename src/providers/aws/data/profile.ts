import { InternalError } from '../../../core/errors.ts';
import type { CreateRequest } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { roleName } from '../names.ts';

/** How long after it was made RunInstances may still refuse an instance profile as unknown (IAM answers from many places). */
export const PROFILE_WINDOW_MS = 60_000;

/**
 * The instance profile that a service's instances are started with: the spin's own where the service uses secrets, else the one of the
 * config, if any. A service without secrets gets no right to read them.
 */
export function profileFor(cloud: Pick<Cloud, 'options'>, request: CreateRequest): string | undefined {
  if (request.desire.kind !== 'service' || request.desire.service.secrets.length === 0) return cloud.options.settings.instanceProfile;
  const key = request.needs.find((need) => need.startsWith('identity.'));
  if (key === undefined) throw new InternalError(`${request.key} uses secrets and stands on no identity`);
  return roleName(request.spin, key);
}
