import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Fault } from '../../src/providers/fault.ts';
import type { Call, CreateRequest, Observation, Place, Provider, SpinRef, Target, Unasked } from '../../src/providers/provider.ts';

/** A provider with one spin to work on, and the means to look at what it made without asking it. */
export interface ProviderUnderTest {
  readonly provider: Provider;
  readonly spin: SpinRef;
  readonly call: Call;
  /** Requests for a small working spin in graph order, one service of two instances among them. */
  requests(fence: number): readonly CreateRequest[];
  /** How many instances run, counted by other means than the provider's. */
  countInstances(): number | Promise<number>;
  /** Makes it impossible to tell how things stand. */
  blind(): Promise<void>;
  /** The same requests in another spin of the same provider. */
  neighbour(fence: number): readonly CreateRequest[];
  /** Ends one instance of the service behind the provider's back. */
  endOne?(): Promise<void>;
  /** A place that the credentials do not reach, where the provider knows accounts. */
  readonly abroad?: Place;
}

/** Where providers differ in what they can promise. */
export interface Traits {
  /** False where what the provider drives knows nothing of fencing numbers, as no cloud does: the engine's lease check is what there is. */
  readonly fences?: boolean;
  /** False where what ended from outside stays so until somebody asks for it again. */
  readonly heals?: boolean;
}

/** What every provider promises (src/providers/provider.ts). `make` gives a fresh one and cleans up after the test. */
export function providerContract(name: string, make: () => Promise<ProviderUnderTest>, { fences = true, heals = true }: Traits = {}): void {
  describe(`${name} keeps the provider contract`, () => {
    test('the same token twice is one resource', async () => {
      const one = await make();
      await createAll(one, one.requests(1));
      await createAll(one, one.requests(1));
      await allRunning(one, one.requests(1));
      expect(await one.countInstances()).toBe(2);
    });

    test('the same token at the same time is one resource', async () => {
      const one = await make();
      for (const request of one.requests(1))
        await Promise.all([one.provider.create(request, one.call), one.provider.create(request, one.call)]);
      await allRunning(one, one.requests(1));
      expect(await one.countInstances()).toBe(2);
    });

    test('every key is answered, and what was never made is absent', async () => {
      const one = await make();
      const requests = one.requests(1);
      const observations = await one.provider.observe(requests, one.call);
      expect([...observations.keys()].toSorted()).toEqual(requests.map(({ key }) => key).toSorted());
      expect([...observations.values()].map(({ state }) => state)).toEqual(requests.map(() => 'absent'));
    });

    test('a service that runs tells its instances and endpoints', async () => {
      const one = await make();
      await createAll(one, one.requests(1));
      const observations = await allRunning(one, one.requests(1));
      const service = one.requests(1).find(({ kind }) => kind === 'service');
      const seen = observations.get(service?.key ?? '');
      expect(seen?.instances.map(({ state }) => state)).toEqual(['healthy', 'healthy']);
      expect(seen?.endpoints).toHaveLength(2);
      expect(new Set(seen?.endpoints.map(({ port }) => port)).size).toBeGreaterThan(0);
    });

    test('release is repeated until absence is proven, and then still says so', async () => {
      const one = await make();
      await createAll(one, one.requests(1));
      await allRunning(one, one.requests(1));
      await releaseAll(one, one.requests(1), 1);
      expect(await one.countInstances()).toBe(0);
      for (const request of one.requests(1)) expect(await one.provider.release(withoutHandle(request), 1, one.call)).toBe('absent');
      expect(await one.provider.inventory({ id: one.spin.id }, one.call)).toEqual([]);
    });

    test('what was never made is released without a fault', async () => {
      const one = await make();
      for (const request of one.requests(1).toReversed())
        expect(await one.provider.release(withoutHandle(request), 1, one.call)).toBe('absent');
    });

    test('half of a spin is released, in the middle of coming up', async () => {
      const one = await make();
      const requests = one.requests(1);
      const upToService = requests.slice(0, requests.findIndex(({ kind }) => kind === 'service') + 1);
      await createAll(one, upToService);
      await releaseAll(one, requests, 1);
      expect(await one.countInstances()).toBe(0);
      expect(await one.provider.inventory({ id: one.spin.id }, one.call)).toEqual([]);
    });

    test('what cannot be told is unknown, never absent', async () => {
      const one = await make();
      await createAll(one, one.requests(1));
      await allRunning(one, one.requests(1));
      await one.blind();
      const service = one.requests(1).filter(({ kind }) => kind === 'service');
      const observations = await one.provider.observe(service, one.call);
      expect([...observations.values()].map(({ state }) => state)).toEqual(service.map(() => 'unknown'));
    });

    test('the inventory holds everything of a spin and nothing of another, and reclaim empties it', async () => {
      const one = await make();
      await createAll(one, one.requests(1));
      await createAll(one, one.neighbour(1));
      await allRunning(one, one.requests(1));
      const all = await one.provider.inventory({}, one.call);
      const own = await one.provider.inventory({ id: one.spin.id }, one.call);
      expect(new Set(own.map(({ id }) => id))).toEqual(new Set([one.spin.id]));
      expect(new Set(own.map(({ incarnation }) => incarnation))).toEqual(new Set([one.spin.incarnation]));
      expect(all.length).toBeGreaterThan(own.length);
      expect(own.every((found) => found.provider === one.provider.name)).toBe(true);
      while ((await one.provider.reclaim(own, one.call)) !== 'absent') await one.call.clock.sleep(100);
      expect(await one.countInstances()).toBe(0);
      expect(await one.provider.inventory({ id: one.spin.id }, one.call)).toEqual([]);
      expect(await one.provider.inventory({}, one.call)).not.toEqual([]);
      expect(await one.provider.reclaim(own, one.call)).toBe('absent');
    });

    test('an inventory of where a spin lives is the same as one of the spin', async () => {
      const one = await make();
      await createAll(one, one.requests(1));
      await allRunning(one, one.requests(1));
      const named = await one.provider.inventory({ id: one.spin.id, places: [one.spin.place ?? {}] }, one.call);
      expect(named.length).toBeGreaterThan(0);
      expect(named).toEqual(await one.provider.inventory({ id: one.spin.id }, one.call));
    });

    test('an inventory of another account is no empty one: it fails, or tells what is out of reach and lists the rest', async () => {
      const one = await make();
      if (one.abroad === undefined) return;
      const places = [one.abroad];
      const { id } = one.spin;
      expect(kindOf(await settle(one.provider.inventory({ id, places }, one.call)))).toBe('denied');
      await createAll(one, one.requests(1));
      await allRunning(one, one.requests(1));
      const unasked: Unasked[] = [];
      const found = await one.provider.inventory({ id, places, beyond: (each) => void unasked.push(each) }, one.call);
      expect(found.length).toBeGreaterThan(0);
      expect(unasked.filter(({ outOfReach }) => outOfReach === true)).toMatchObject([{ place: one.abroad, fault: { kind: 'denied' } }]);
    });

    test.skipIf(!fences)('a lower fencing number than the highest seen is refused', async () => {
      const one = await make();
      await createAll(one, one.requests(7));
      const refusals = await Promise.allSettled([
        ...one.requests(6).map((request) => one.provider.create(request, one.call)),
        ...one.requests(6).map((request) => one.provider.release(request, 6, one.call)),
        one.provider.enforce(one.spin, systemClock.now() + 60_000, 6, one.call),
      ]);
      expect(refusals.map(kindOf)).toEqual(refusals.map(() => 'conflict'));
      await allRunning(one, one.requests(7));
      expect(await one.countInstances()).toBe(2);
    });

    test('a deadline is armed, moved, and told', async () => {
      const one = await make();
      await createAll(one, one.requests(1));
      await allRunning(one, one.requests(1));
      const armed = await one.provider.enforce(one.spin, systemClock.now() + 3_600_000, 1, one.call);
      expect(armed.length).toBeGreaterThan(0);
      expect(armed.some((enforcer) => enforcer.armed)).toBe(true);
      const moved = await one.provider.enforce(one.spin, systemClock.now() + 7_200_000, 1, one.call);
      expect(moved).not.toEqual(armed);
      expect(await one.provider.enforcers(one.spin, one.call)).toEqual(moved);
    });

    test('another attempt of what is there already is the same resource', async () => {
      const one = await make();
      await createAll(one, one.requests(1));
      await createAll(
        one,
        one.requests(1).map((request) => ({ ...request, attempt: 1 })),
      );
      await allRunning(one, one.requests(1));
      expect(await one.countInstances()).toBe(2);
    });

    test.skipIf(heals)('what was ended from outside is stalled until the same request is sent again, which makes it whole', async () => {
      const one = await make();
      await createAll(one, one.requests(1));
      await allRunning(one, one.requests(1));
      await one.endOne?.();
      const service = one.requests(1).filter(({ kind }) => kind === 'service');
      const seen = await one.provider.observe(service, one.call);
      expect([...seen.values()].map(({ state, stalled }) => ({ state, stalled }))).toEqual([{ state: 'pending', stalled: true }]);
      await createAll(one, service);
      await allRunning(one, service);
      expect(await one.countInstances()).toBe(2);
    });

    test('every kind has a price, unknown or not below zero', async () => {
      const one = await make();
      for (const { desire } of one.requests(1)) {
        const price = one.provider.price({ kind: desire.kind, ...(desire.kind === 'service' ? { service: desire.service } : {}) });
        expect(price === 'unknown' || price >= 0).toBe(true);
      }
    });

    test('only kinds that it names are made by it', async () => {
      const one = await make();
      for (const { kind } of one.requests(1)) expect(one.provider.kinds).toContain(kind);
    });

    test('a wait for a change ends in time, and at once when the signal aborts', async () => {
      const one = await make();
      await createAll(one, one.requests(1));
      await allRunning(one, one.requests(1));
      const from = systemClock.now();
      await one.provider.nextChange(one.spin, 300, one.call);
      expect(systemClock.now() - from).toBeLessThan(5_000);
      const stop = new AbortController();
      const reason = new Fault('transient', 'test', 'enough');
      const waiting = one.provider.nextChange(one.spin, 60_000, { ...one.call, signal: stop.signal });
      stop.abort(reason);
      expect([undefined, reason]).toContain(await waiting.catch((thrown: unknown) => thrown));
    });

    test('there is no instance to run a command in where none was made', async () => {
      const one = await make();
      const request = { instance: 'nobody@1.1', command: ['true'], stdio: 'pipe' } as const;
      expect(kindOf(await settle(one.provider.exec(one.spin, request, one.call)))).toBe('not-found');
    });
  });
}

async function createAll({ provider, call }: ProviderUnderTest, requests: readonly CreateRequest[]): Promise<void> {
  for (const request of requests) await provider.create(request, call);
}

async function allRunning(
  { provider, spin, call }: ProviderUnderTest,
  requests: readonly CreateRequest[],
): Promise<ReadonlyMap<string, Observation>> {
  const giveUp = systemClock.now() + 20_000;
  for (;;) {
    const observations = await provider.observe(requests, call);
    if ([...observations.values()].every(({ state }) => state === 'running')) return observations;
    if (systemClock.now() > giveUp) throw new Error(`still ${JSON.stringify([...observations])}`);
    await provider.nextChange(spin, 200, call);
  }
}

async function releaseAll({ provider, spin, call }: ProviderUnderTest, requests: readonly CreateRequest[], fence: number): Promise<void> {
  for (const request of requests.toReversed()) {
    while ((await provider.release(withoutHandle(request), fence, call)) !== 'absent') await provider.nextChange(spin, 200, call);
  }
}

/** As after a crash between the creating call and the note of its answer. */
function withoutHandle(request: CreateRequest): Target {
  const { handle, ...target } = request;
  return handle === undefined ? request : target;
}

function settle<Value>(promise: Promise<Value>): Promise<PromiseSettledResult<Value>> {
  return Promise.allSettled([promise]).then(([result]) => result);
}

function kindOf(result: PromiseSettledResult<unknown>): string {
  if (result.status === 'fulfilled') return 'no fault';
  return result.reason instanceof Fault ? result.reason.kind : String(result.reason);
}
