import type { Clock } from '../../../core/clock.ts';
import { messageOf } from '../../../core/errors.ts';
import type { Emit } from '../../../core/events.ts';
import { Fault } from '../../fault.ts';
import type { Observation } from '../../provider.ts';
import type { Ports } from '../ports.ts';
import type { Router } from '../router.ts';
import type { Kept } from './kept.ts';
import { routeEndpoint } from './observation.ts';
import type { InstanceState, WantedRegistration, WantedRoute } from './state.ts';

const RETRY_MS = 1_000;
/** How long a keeper that was killed may still hold its ports, which the system frees in no set order. */
const AFTERLIFE_MS = 1_000;
const RELOOK_MS = 20;

/** The routes of a spin, and which instances each sends requests to. */
export class Routes {
  readonly #kept: Kept;
  readonly #ports: Ports;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #open = new Map<string, number>();
  readonly #opening = new Map<string, Promise<void>>();
  readonly #problems = new Map<string, Fault>();
  readonly #releases = new Map<string, Promise<void>>();
  #router: Promise<Router> | undefined;
  #loaded: Router | undefined;

  constructor(kept: Kept, ports: Ports, clock: Clock, emit: Emit) {
    this.#kept = kept;
    this.#ports = ports;
    this.#clock = clock;
    this.#emit = emit;
  }

  /** Opens the routes of an earlier keeper again; a port that somebody else took meanwhile is tried until it is free. */
  async adopt(signal: AbortSignal): Promise<void> {
    const wanted = this.#kept.wanted;
    const routes = wanted.filter((one) => one.kind === 'route');
    await Promise.all(routes.filter(({ releasing }) => !releasing).map((route) => this.#reopen(route, signal)));
    for (const one of wanted) if (one.kind !== 'service' && one.releasing) void this.release(one);
    this.sync();
  }

  /** Durable when it resolves. @throws Fault `conflict` `port-taken` */
  async apply(wanted: WantedRoute | WantedRegistration): Promise<void> {
    const known = this.#kept.find(wanted.key);
    if (known?.releasing === true) throw new Fault('conflict', 'releasing', `${wanted.key} is being released`);
    if (known !== undefined && known.token !== wanted.token)
      throw new Fault('conflict', 'other-token', `${wanted.key} was made by another request`);
    const durable = this.#kept.want(wanted);
    try {
      if (wanted.kind === 'route') await this.#listen(wanted);
    } catch (thrown) {
      if (known === undefined) await this.#kept.forget(wanted.key);
      throw thrown;
    }
    this.sync();
    await durable;
  }

  /** Begins to take back a route or registration; it is gone when it is no longer wanted at all. */
  release(wanted: WantedRoute | WantedRegistration): Promise<void> {
    const durable = this.#kept.want({ ...wanted, releasing: true });
    this.sync();
    if (!this.#releases.has(wanted.key)) {
      const release = this.#takeBack(wanted);
      this.#releases.set(wanted.key, release);
    }
    return durable;
  }

  async endAll(): Promise<void> {
    for (const wanted of this.#kept.wanted) if (wanted.kind !== 'service') await this.release(wanted);
    await Promise.all(this.#releases.values());
  }

  async closeAll(): Promise<void> {
    await this.#loaded?.closeAll();
  }

  /** Tells the router who is healthy. Called at every change: a request must not meet an instance that is going. */
  sync(): void {
    if (this.#loaded === undefined) return;
    for (const route of this.#kept.wanted) {
      if (route.kind === 'route' && this.#open.has(route.key)) this.#loaded.setBackends(route.key, this.#backends(route));
    }
  }

  /** Waits for the requests of one instance on all routes. */
  async drain(instance: string, timeoutMs: number): Promise<{ readonly inFlight: number }> {
    const router = this.#loaded;
    if (router === undefined) return { inFlight: 0 };
    const drained = await Promise.all([...this.#open.keys()].map((key) => router.drain(key, instance, timeoutMs)));
    return { inFlight: drained.reduce((sum, { inFlight }) => sum + inFlight, 0) };
  }

  observe(wanted: WantedRoute | WantedRegistration): Observation {
    const base = { instances: [], endpoints: [] };
    if (wanted.releasing)
      return { ...base, state: 'stopping', reason: wanted.kind === 'route' ? 'closing' : 'waiting for requests to end' };
    if (wanted.kind === 'registration') {
      const count = this.#healthy(wanted).length;
      if (!this.#open.has(wanted.route)) return { ...base, state: 'pending', reason: `${wanted.route} is not open` };
      return count > 0
        ? { ...base, state: 'running', reason: `${count} healthy in the pool` }
        : { ...base, state: 'pending', reason: 'no healthy instance' };
    }
    const port = this.#open.get(wanted.key);
    if (port !== undefined) return { ...base, state: 'running', reason: `listens on ${port}`, endpoints: [routeEndpoint(wanted, port)] };
    const problem = this.#problems.get(wanted.key);
    return {
      ...base,
      state: 'pending',
      reason: problem?.message ?? 'opening',
      ...(problem === undefined ? {} : { failure: problem.note() }),
    };
  }

  /** A keeper that takes over and a command that asks for the route again may come at once: the second waits for the first. */
  #listen(wanted: WantedRoute): Promise<void> {
    if (this.#open.has(wanted.key)) return Promise.resolve();
    const opening = this.#opening.get(wanted.key) ?? this.#openUp(wanted).finally(() => this.#opening.delete(wanted.key));
    this.#opening.set(wanted.key, opening);
    return opening;
  }

  async #openUp(wanted: WantedRoute): Promise<void> {
    const router = await this.#load();
    const port = await this.#portOf(wanted);
    try {
      if (wanted.expose.port === 'auto') await this.#kept.keepRoutePort(wanted.address, port);
      await router.listen({ key: wanted.key, service: wanted.service, host: wanted.expose.host, port });
    } catch (thrown) {
      this.#ports.release(port);
      throw thrown;
    }
    this.#open.set(wanted.key, port);
    this.#problems.delete(wanted.key);
    this.#kept.changed();
  }

  /** The port of the spec, or the one that this route had before in this incarnation, or a free one. */
  async #portOf(wanted: WantedRoute): Promise<number> {
    if (wanted.expose.port !== 'auto') return this.#ports.reserve(wanted.expose.port);
    const before = this.#kept.routePort(wanted.address);
    if (before === undefined || [...this.#open.values()].includes(before)) return this.#ports.reserve();
    for (const giveUp = this.#clock.now() + AFTERLIFE_MS; ; await this.#clock.sleep(RELOOK_MS)) {
      try {
        return await this.#ports.reserve(before);
      } catch (thrown) {
        if (!(thrown instanceof Fault) || thrown.class !== 'port-taken' || this.#clock.now() >= giveUp) throw thrown;
      }
    }
  }

  async #reopen(wanted: WantedRoute, signal: AbortSignal): Promise<void> {
    try {
      await this.#listen(wanted);
    } catch (thrown) {
      const fault = thrown instanceof Fault ? thrown : new Fault('transient', 'router-failed', messageOf(thrown), { cause: thrown });
      this.#problems.set(wanted.key, fault);
      this.#kept.changed();
      void this.#reopenLater(wanted, signal).catch(() => undefined);
    }
  }

  async #reopenLater(wanted: WantedRoute, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(RETRY_MS, signal);
    if (this.#kept.find(wanted.key)?.releasing !== false) return;
    await this.#reopen(wanted, signal);
    this.sync();
  }

  async #takeBack(wanted: WantedRoute | WantedRegistration): Promise<void> {
    await (wanted.kind === 'route' ? this.#close(wanted) : this.#deregister(wanted));
    await this.#kept.forget(wanted.key).catch(() => undefined);
    this.#releases.delete(wanted.key);
    this.sync();
  }

  async #close(wanted: WantedRoute): Promise<void> {
    const port = this.#open.get(wanted.key);
    if (port === undefined) return;
    await this.#loaded?.close(wanted.key);
    this.#open.delete(wanted.key);
    this.#ports.release(port);
  }

  async #deregister(wanted: WantedRegistration): Promise<void> {
    const service = this.#kept.find(wanted.service);
    const timeoutMs = service?.kind === 'service' ? service.service.drain.timeoutMs : 0;
    const from = this.#clock.now();
    this.#emit({ type: 'drain.started', resource: wanted.key });
    const kept = new Set(this.#pool(wanted.route).map(({ name }) => name));
    const leaving = this.#kept.instancesOf(wanted.service).filter(({ name }) => !kept.has(name));
    const router = await this.#load();
    const drained = await Promise.all(leaving.map(({ name }) => router.drain(wanted.route, name, timeoutMs)));
    const inFlight = drained.reduce((sum, one) => sum + one.inFlight, 0);
    this.#emit({ type: 'drain.finished', resource: wanted.key, ms: this.#clock.now() - from, data: { inFlight } });
  }

  #backends(route: WantedRoute): Parameters<Router['setBackends']>[1] {
    return this.#pool(route.key).map(({ name, host, port }) => ({ instance: name, host: host ?? '127.0.0.1', port: port ?? 0, weight: 1 }));
  }

  /** The healthy instances of all that is registered with a route, each once. */
  #pool(route: string): readonly InstanceState[] {
    const registered = this.#kept.wanted.filter((wanted) => wanted.kind === 'registration' && !wanted.releasing && wanted.route === route);
    const states = registered.flatMap((wanted) => (wanted.kind === 'registration' ? this.#healthy(wanted) : []));
    return [...new Map(states.map((state) => [state.name, state])).values()];
  }

  #healthy(wanted: WantedRegistration): readonly InstanceState[] {
    return this.#kept.instancesOf(wanted.service).filter(({ state, port }) => state === 'healthy' && port !== undefined);
  }

  /** A spin without routes does without the proxy's memory. */
  async #load(): Promise<Router> {
    this.#router ??= import('../router.ts').then(({ createRouter }) => createRouter({ clock: this.#clock, emit: this.#emit }));
    this.#loaded = await this.#router;
    return this.#loaded;
  }
}
