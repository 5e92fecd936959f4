import type { Endpoint, InstanceObservation, Observation } from '../../provider.ts';
import { isAlive } from '../processes.ts';
import type { InstanceState, WantedRoute, WantedService } from './state.ts';

/** What a service's instances add up to. Pure. */
export function observeService(wanted: WantedService, states: readonly InstanceState[]): Observation {
  const instances = states.map(observeInstance);
  const endpoints = states.flatMap((state) => endpointOf(wanted, state));
  const base = { instances, endpoints };
  if (wanted.releasing) return { ...base, state: 'stopping', reason: stopping(states) };
  const good = states.filter((state) => isGood(wanted, state)).length;
  if (good >= wanted.count && states.length === wanted.count) {
    return { ...base, state: 'running', reason: wanted.service.job ? 'ended with exit code 0' : `${good} of ${wanted.count} healthy` };
  }
  const failed = states.find((state) => state.failure !== undefined);
  const waiting = failed ?? states.find((state) => !isGood(wanted, state));
  return {
    ...base,
    state: 'pending',
    reason: waiting === undefined ? `${good} of ${wanted.count} healthy` : `${waiting.name}: ${waiting.reason}`,
    ...(failed?.failure === undefined ? {} : { failure: failed.failure }),
  };
}

/** The same from what a dead keeper left behind: nothing is healthy any more because its process is gone. */
export function observeUnkept(wanted: WantedService, states: readonly InstanceState[]): Observation {
  const seen = states.map((state): InstanceState => {
    if (state.process === undefined || isAlive(state.process) || state.state === 'exited' || state.state === 'failed') return state;
    return { ...state, state: 'restarting', reason: 'its process is gone and the keeper is not running' };
  });
  const observation = observeService(wanted, seen);
  return { ...observation, reason: `the keeper is not running; ${observation.reason}` };
}

export function routeEndpoint(wanted: WantedRoute, port: number): Endpoint {
  const host = wanted.expose.host === '0.0.0.0' ? '127.0.0.1' : wanted.expose.host === '::' ? '::1' : wanted.expose.host;
  return { service: wanted.service, via: 'route', host, port, url: urlOf(host, port) };
}

function isGood(wanted: WantedService, state: InstanceState): boolean {
  return wanted.service.job ? state.state === 'exited' && state.exitCode === 0 : state.state === 'healthy';
}

function stopping(states: readonly InstanceState[]): string {
  const left = states[0];
  return left === undefined
    ? 'all instances ended'
    : `${left.name}: ${left.reason}${states.length > 1 ? ` (and ${states.length - 1} more)` : ''}`;
}

function observeInstance(state: InstanceState): InstanceObservation {
  return {
    name: state.name,
    state: state.state,
    reason: state.reason,
    restarts: state.restarts,
    ...(state.startedAt === undefined ? {} : { startedAt: state.startedAt }),
    ...(state.healthyAt === undefined ? {} : { healthyAt: state.healthyAt }),
    ...(state.port === undefined ? {} : { address: hostPort(state.host ?? '127.0.0.1', state.port) }),
    ...(state.process === undefined ? {} : { runsAs: String(state.process.pid) }),
  };
}

function endpointOf(wanted: WantedService, state: InstanceState): readonly Endpoint[] {
  if (state.port === undefined) return [];
  const host = state.host ?? '127.0.0.1';
  const speaksHttp = wanted.service.health.probe.type === 'http' || wanted.service.expose !== undefined;
  return [
    { service: wanted.service.name, via: 'instance', host, port: state.port, ...(speaksHttp ? { url: urlOf(host, state.port) } : {}) },
  ];
}

function urlOf(host: string, port: number): string {
  return `http://${hostPort(host, port)}`;
}

function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
