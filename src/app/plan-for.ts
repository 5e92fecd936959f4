import { SpinError } from '../core/errors.ts';
import { buildPlan } from '../plan/build.ts';
import type { Plan } from '../plan/plan.ts';
import type { Call, Provider } from '../providers/provider.ts';
import type { Spec } from '../spec/spec.ts';

/**
 * The plan of a spec, with the provider's prices.
 * @throws SpinError `spec-invalid` where the provider cannot do what the spec asks for
 */
export async function planFor(spec: Spec, provider: Provider, call: Call): Promise<Plan> {
  const cannot = provider.unsupported(spec);
  if (cannot.length > 0) {
    throw new SpinError('spec-invalid', `provider ${provider.name} cannot do this: ${cannot.join('; ')}`, {
      hint: 'change the spec, or name another provider',
      data: { unsupported: cannot },
    });
  }
  await provider.quote(spec, call);
  return buildPlan(spec, provider);
}
