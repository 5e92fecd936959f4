import { isoTime } from '../../../core/clock.ts';
import { addMoney, type Known, type NanoUsd, usd } from '../../../core/money.ts';
import type { ServiceSpec, Spec } from '../../../spec/spec.ts';
import { Fault } from '../../fault.ts';
import type { Shape } from '../../../plan/build.ts';
import type { Call, Check } from '../../provider.ts';
import type { Clouds } from '../cloud.ts';
import { partitionOf } from '../names.ts';
import type { AwsOptions } from '../options.ts';
import type { ImageDisk } from '../instances/images.ts';
import { typesOf } from '../instances/pools.ts';
import { isWithin } from '../kept-file.ts';
import { type PriceEntries, type PriceEntry, priceFile, readPrices, writePrices } from './price-cache.ts';
import { diskSize } from '../data/sources.ts';

/** Price per hour of a public IPv4 address in use, in every commercial region since February 2024: https://aws.amazon.com/vpc/pricing/ */
const PUBLIC_IP = usd(0.005);
/** Hours of a month, as AWS counts them to compare prices by the hour and by the month. */
const HOURS_PER_MONTH = 730;

const HOUR_MS = 3_600_000;
/** How long an answer counts. Spot prices move; a question without an answer is not asked again at once, so that `up` stays fast. */
const VALID_MS = 24 * HOUR_MS;
const SPOT_VALID_MS = HOUR_MS;
const NOTHING_VALID_MS = HOUR_MS / 4;
/** A plan does not wait longer for its prices. */
const QUOTE_MS = 5_000;

/** Loaded where a price is not known yet: what asks for prices brings an SDK client with it. */
const list = () => import('./price-list.ts');

/** The price book of AWS: what the config says comes first, then the price list, kept on disk for a day. */
export interface PriceBook {
  /**
   * Gets what a plan of the spec needs; never throws for a price that is not to be had.
   * @param onWait told before anything is asked, as then there is time for other questions
   * @throws the call's abort reason
   */
  quote(spec: Spec, call: Call, onWait?: () => void): Promise<void>;
  /** By the region that was quoted last. */
  price(shape: Shape): Known<NanoUsd>;
  /** Of one instance of the service on a machine that it got: another type than the first, or on demand where it asked for spot. */
  machinePrice(service: ServiceSpec, machine: { readonly type: string; readonly spot: boolean }): Known<NanoUsd>;
  /** How old the prices are that were quoted last, and which of them are missing. */
  check(now: number): Check;
}

/** One thing that has a price: how it is named in the cache and in the config, and where it is asked for. */
interface Item {
  readonly name: string;
  /** Name in `aws.prices`. */
  readonly configured?: string;
  readonly validMs: number;
  readonly ask: (call: Call) => Promise<number | undefined>;
}

export function openPrices(clouds: Clouds, options: AwsOptions): PriceBook {
  const { prices } = options.settings;
  let known: PriceEntries = {};
  /** What was quoted last: the file also has what other specs asked for, long ago perhaps. */
  let quoted: readonly string[] = [];
  let region = '';

  const valueOf = (name: string, configured = name): Known<number> => prices[configured] ?? known[name]?.value ?? 'unknown';

  const itemsOf = (spec: Spec): readonly Item[] => {
    const cloud = clouds.in(region);
    const from = priceListRegion(region);
    const listed = (ask: (from: string, call: Call) => Promise<number | undefined>) => (call: Call) =>
      from === undefined ? Promise.resolve(undefined) : ask(from, call);
    const services = Object.values(spec.services);
    // Also those that are fallen back to: what was got is what is paid for.
    const types = new Set(services.flatMap((service) => typesOf(service.cloud, options.settings)));
    const spots = new Set(services.filter(({ cloud }) => cloud.spot).flatMap((service) => typesOf(service.cloud, options.settings)));
    const images = new Set(services.map((service) => imageOf(service, options)));
    const roots = new Set(services.filter(({ cloud }) => cloud.diskGiB === undefined).map((service) => imageOf(service, options)));
    const disksOf = async (image: string, call: Call) => (await import('../instances/images.ts')).resolveImage(cloud, image, call);
    const routed = options.settings.listener !== undefined && services.some(({ expose }) => expose !== undefined);
    return [
      ...[...types].map((type) => ({
        name: `on-demand ${type}`,
        configured: type,
        validMs: VALID_MS,
        ask: listed(async (from, call) => (await list()).onDemandPrice(clouds.in(from), region, type, call)),
      })),
      ...[...spots].map((type) => ({
        name: `spot ${type}`,
        configured: type,
        validMs: SPOT_VALID_MS,
        ask: async (call: Call) => (await list()).spotPrice(cloud, type, call),
      })),
      ...[...roots].map((image) => ({
        name: `disk of ${image}`,
        validMs: VALID_MS,
        ask: async (call: Call) => (await disksOf(image, call)).rootGiB,
      })),
      ...[...images].map((image) => ({
        name: `further disks of ${image}`,
        validMs: VALID_MS,
        ask: async (call: Call) => sumOf((await disksOf(image, call)).further),
      })),
      {
        name: 'disk-gib-month',
        configured: 'disk-gib-month',
        validMs: VALID_MS,
        ask: listed(async (from, call) => (await list()).diskPrice(clouds.in(from), region, call)),
      },
      ...(routed
        ? [
            {
              name: 'load-balancer',
              configured: 'load-balancer',
              validMs: VALID_MS,
              ask: listed(async (from, call) => (await list()).balancerPrice(clouds.in(from), region, call)),
            },
          ]
        : []),
    ];
  };

  const diskFor = (gib: Known<number> | undefined): Known<NanoUsd> => {
    const month = valueOf('disk-gib-month');
    return gib === undefined || gib === 'unknown' || month === 'unknown' ? 'unknown' : Math.round((month * gib) / HOURS_PER_MONTH);
  };

  const instance = (service: ServiceSpec, type: string, spot: boolean): Known<NanoUsd> => {
    const onDemand = valueOf(`on-demand ${type}`, type);
    const now = spot ? valueOf(`spot ${type}`, type) : 'unknown';
    const image = imageOf(service, options);
    const disks = [service.cloud.diskGiB ?? valueOf(`disk of ${image}`, ''), valueOf(`further disks of ${image}`, '')];
    return addMoney([
      now === 'unknown' ? onDemand : now,
      ...disks.map(diskFor),
      ...(service.cloud.address === 'public' ? [publicIp()] : []),
    ]);
  };

  const publicIp = (): Known<NanoUsd> => prices['public-ip'] ?? (partitionOf(region) === 'aws' ? PUBLIC_IP : 'unknown');

  return {
    async quote(spec, call, onWait) {
      region = await clouds.region(spec.region);
      const items = itemsOf(spec).filter(({ configured }) => configured === undefined || prices[configured] === undefined);
      quoted = items.map(({ name }) => name);
      if (items.length === 0) return;
      const file = priceFile(options, region);
      known = await readPrices(file);
      const now = call.clock.now();
      const due = items.filter(({ name, validMs }) => !isValid(known[name], validMs, now));
      if (due.length === 0) return;
      onWait?.();
      const answers = await askAll(due, call);
      known = { ...known, ...keptOf(answers, known, now) };
      await writePrices(file, known);
    },

    price(shape) {
      switch (shape.kind) {
        case 'service':
          return shape.service === undefined
            ? 'unknown'
            : instance(shape.service, typeOf(shape.service, options), shape.service.cloud.spot);
        case 'volume':
          return diskFor(shape.volume === undefined ? undefined : diskSize(shape.volume));
        case 'database':
          return prices[shape.database?.instanceClass ?? ''] ?? 'unknown';
        case 'route':
          // The load balancer is there already and may be shared: `load-balancer=0` in the config says that it is nobody's in particular.
          return valueOf('load-balancer');
        case 'keeper':
        case 'identity':
        case 'secret':
        case 'firewall':
        case 'registration':
          return 0;
      }
    },

    machinePrice: (service, { type, spot }) => instance(service, type, spot),

    check(now) {
      const missing = quoted.filter((name) => known[name]?.value === undefined);
      const oldest = Math.min(now, ...quoted.flatMap((name) => (known[name]?.value === undefined ? [] : [known[name].at])));
      const stale = now - oldest > VALID_MS ? `; the price list could not be asked since ${isoTime(oldest)}` : '';
      const without = missing.length === 0 ? '' : `; unknown: ${missing.join(', ')} (say them in aws.prices)`;
      return { name: 'prices', ok: true, detail: `of ${isoTime(oldest).slice(0, 10)}${stale}${without}` };
    },
  };
}

/**
 * Where the Price List API is asked for the prices of a region; undefined where it is not to be had.
 * https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
 */
function priceListRegion(region: string): string | undefined {
  switch (partitionOf(region)) {
    case 'aws-cn':
      return 'cn-northwest-1';
    case 'aws-us-gov':
      return undefined;
    case 'aws':
      if (region.startsWith('eu-')) return 'eu-central-1';
      return region.startsWith('ap-') ? 'ap-south-1' : 'us-east-1';
  }
}

function typeOf({ cloud }: ServiceSpec, { settings }: AwsOptions): string {
  return typesOf(cloud, settings)[0] ?? '';
}

function imageOf({ cloud }: ServiceSpec, { settings }: AwsOptions): string {
  return cloud.image ?? settings.image;
}

/** GiB of all disks; undefined where one does not say. */
function sumOf(disks: readonly ImageDisk[]): number | undefined {
  return disks.reduce<number | undefined>((sum, { gib }) => (sum === undefined || gib === undefined ? undefined : sum + gib), 0);
}

function isValid(entry: PriceEntry | undefined, validMs: number, now: number): boolean {
  if (entry === undefined) return false;
  return (entry.value !== undefined && isWithin(entry.at, validMs, now)) || isWithin(entry.triedAt ?? entry.at, NOTHING_VALID_MS, now);
}

/** Answers by name, all asked at once, within the time that a plan waits; undefined where there is none. */
async function askAll(items: readonly Item[], call: Call): Promise<ReadonlyMap<string, number | undefined>> {
  const [limit, done] = [new AbortController(), new AbortController()];
  const late = new Fault('transient', 'no-prices', 'the price list did not answer in time');
  void call.clock.sleep(QUOTE_MS, done.signal).then(
    () => limit.abort(late),
    () => undefined,
  );
  const bounded = { ...call, signal: AbortSignal.any([call.signal, limit.signal]) };
  try {
    const answers = await Promise.all(
      items.map(async ({ name, ask }) => {
        const answer = await ask(bounded).catch((thrown: unknown) => {
          call.signal.throwIfAborted();
          if (thrown instanceof Fault) return undefined;
          throw thrown;
        });
        return [name, answer] as const;
      }),
    );
    return new Map(answers);
  } finally {
    done.abort();
  }
}

/** New answers; where there is none, what was known stays as it was, with its own date; it is tried again later. */
function keptOf(answers: ReadonlyMap<string, number | undefined>, known: PriceEntries, now: number): PriceEntries {
  return Object.fromEntries(
    [...answers].map(([name, value]) => {
      const before = known[name];
      const kept = value === undefined && before?.value !== undefined;
      return [name, kept ? { ...before, triedAt: now } : { value, at: now }];
    }),
  );
}
