import { Agent } from 'node:http';
import type { Clock } from '../../core/clock.ts';

/** An instance that may be sent requests. */
export interface Backend {
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  /** Share of new requests, in proportion to the others; 0 gets none. */
  readonly weight: number;
}

/** A backend as the router keeps it: with its idle connections and what is under way to it. */
export interface Upstream {
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  /** Keeps connections open between requests. One for each upstream, so that an instance's connections end with it. */
  readonly agent: Agent;
  /** One entry for each request or WebSocket under way: called to cut it off. */
  readonly flights: Set<() => void>;
}

interface Seat {
  readonly upstream: Upstream;
  weight: number;
  /** Smooth weighted round robin: how far this seat is ahead of its share. */
  credit: number;
}

/** The upstreams of one route. */
export interface Pool {
  set(backends: readonly Backend[]): void;
  /** The next upstream in turn, leaving out those tried already; undefined where none is left. */
  pick(tried: ReadonlySet<Upstream>): Upstream | undefined;
  /** As pick, waiting up to 2 s for a replacement of one that went, or refused, just now. */
  pickSoon(tried: ReadonlySet<Upstream>, signal: AbortSignal): Promise<Upstream | undefined>;
  /** Counts a request in; what it returns counts it out again. `cut` ends it from our side. */
  begin(upstream: Upstream, cut: () => void): () => void;
  /** How many requests and WebSockets are under way to the instance. */
  underWay(instance: string): number;
  /** Takes the instance out of turn and waits for what is under way to it; see Router.drain. */
  drain(instance: string, timeoutMs: number): Promise<{ readonly inFlight: number }>;
  /** Cuts everything off. */
  end(): void;
}

/** How long a request waits for a replacement. Longer than a restart that goes well, shorter than clients' patience. */
const GRACE_MS = 2_000;
const MOST_IDLE = 256;

export function createPool(clock: Clock): Pool {
  let seats: readonly Seat[] = [];
  /** Out of turn, with requests still under way. */
  const leaving = new Set<Upstream>();
  const idle = new Map<Upstream, () => void>();
  const arrivals = new Set<() => void>();
  /** When the last seat went; before the first one came nothing is worth waiting for. */
  let emptiedAt = -Infinity;

  const forget = (upstream: Upstream): void => {
    leaving.delete(upstream);
    upstream.agent.destroy();
    idle.get(upstream)?.();
  };
  const leave = (upstream: Upstream): void => {
    leaving.add(upstream);
    if (upstream.flights.size === 0) forget(upstream);
  };
  const replaceSeats = (next: readonly Seat[]): void => {
    const gone = seats.filter((seat) => !next.includes(seat));
    if (next.length === 0 && seats.length > 0) emptiedAt = clock.now();
    seats = next;
    for (const { upstream } of gone) leave(upstream);
  };
  const pick = (tried: ReadonlySet<Upstream>): Upstream | undefined => {
    let best: Seat | undefined;
    let total = 0;
    for (const seat of seats) {
      if (seat.weight <= 0 || tried.has(seat.upstream)) continue;
      seat.credit += seat.weight;
      total += seat.weight;
      if (best === undefined || seat.credit > best.credit) best = seat;
    }
    if (best !== undefined) best.credit -= total;
    return best?.upstream;
  };
  const arrival = async (ms: number, signal: AbortSignal): Promise<void> => {
    const came = new AbortController();
    const wake = (): void => {
      came.abort();
    };
    arrivals.add(wake);
    await clock.sleep(ms, AbortSignal.any([came.signal, signal])).catch(() => undefined);
    arrivals.delete(wake);
  };

  return {
    pick,
    set: (backends) => {
      replaceSeats(
        backends.map((backend) => {
          // An instance that came back on another port is another upstream: old connections lead nowhere.
          const seat = seats.find(
            ({ upstream: { instance, host, port } }) => instance === backend.instance && host === backend.host && port === backend.port,
          );
          if (seat === undefined) return { upstream: createUpstream(backend), weight: backend.weight, credit: 0 };
          seat.weight = backend.weight;
          return seat;
        }),
      );
      for (const wake of arrivals) wake();
    },
    pickSoon: async (tried, signal) => {
      const until = (tried.size > 0 ? clock.now() : emptiedAt) + GRACE_MS;
      for (;;) {
        const upstream = pick(tried);
        const left = until - clock.now();
        if (upstream !== undefined || left <= 0 || signal.aborted) return upstream;
        await arrival(left, signal);
      }
    },
    begin: (upstream, cut) => {
      upstream.flights.add(cut);
      return () => {
        if (upstream.flights.delete(cut) && upstream.flights.size === 0 && leaving.has(upstream)) forget(upstream);
      };
    },
    underWay: (instance) =>
      [...seats.map(({ upstream }) => upstream), ...leaving].reduce(
        (sum, upstream) => sum + (upstream.instance === instance ? upstream.flights.size : 0),
        0,
      ),
    drain: async (instance, timeoutMs) => {
      replaceSeats(seats.filter(({ upstream }) => upstream.instance !== instance));
      const busy = [...leaving].filter((upstream) => upstream.instance === instance);
      const done = new AbortController();
      let left = busy.length;
      for (const upstream of busy) {
        idle.set(upstream, () => {
          idle.delete(upstream);
          left -= 1;
          if (left === 0) done.abort();
        });
      }
      if (left > 0) await clock.sleep(timeoutMs, done.signal).catch(() => undefined);
      const cut = busy.flatMap(({ flights }) => [...flights]);
      for (const end of cut) end();
      return { inFlight: cut.length };
    },
    end: () => {
      const upstreams = [...seats.map(({ upstream }) => upstream), ...leaving];
      replaceSeats([]);
      emptiedAt = -Infinity;
      for (const end of upstreams.flatMap(({ flights }) => [...flights])) end();
      for (const wake of arrivals) wake();
    },
  };
}

function createUpstream({ instance, host, port }: Backend): Upstream {
  return { instance, host, port, agent: new Agent({ keepAlive: true, maxFreeSockets: MOST_IDLE, noDelay: true }), flights: new Set() };
}
