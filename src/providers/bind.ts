import { bindAddresses, bindCommand } from '../spec/bindings.ts';
import type { Hook, ServiceSpec } from '../spec/spec.ts';
import type { Bindings } from './provider.ts';

/**
 * Fills the addresses of other services into everything of a service that is run or passed on.
 * @throws SpinError `spec-invalid` where a service has no endpoint
 */
export function bindService(service: ServiceSpec, bindings: Bindings): ServiceSpec {
  const { drain, health } = service;
  const probe = health.probe.type === 'command' ? { ...health.probe, run: bindCommand(health.probe.run, bindings) } : health.probe;
  return {
    ...service,
    run: bindCommand(service.run, bindings),
    env: Object.fromEntries(Object.entries(service.env).map(([name, value]) => [name, bindAddresses(value, bindings)])),
    bootstrap: service.bootstrap.map((step) => ({ ...step, run: bindCommand(step.run, bindings) })),
    health: { ...health, probe },
    drain: drain.hook === undefined ? drain : { ...drain, hook: bindHook(drain.hook, bindings) },
  };
}

function bindHook(hook: Hook, bindings: Bindings): Hook {
  return { ...hook, run: bindCommand(hook.run, bindings) };
}
