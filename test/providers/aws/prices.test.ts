import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { usd } from '../../../src/core/money.ts';
import { openPrices } from '../../../src/providers/aws/price/prices.ts';
import type { CloudSpec, ServiceSpec, Spec } from '../../../src/spec/spec.ts';
import { ManualClock } from '../../fakes/clock.ts';
import { DATA_DISKS, ec2For } from '../../fakes/ec2/fixture.ts';
import { dataWorld } from './data-world.ts';
import { startPriceServer } from './price-server.ts';
import { serviceSpec } from './world.ts';

const DAY = 86_400_000;

function service(cloud: Partial<CloudSpec> = {}, more: Partial<ServiceSpec> = {}): ServiceSpec {
  return serviceSpec({
    name: 'web',
    cloud: { instanceTypes: ['t3.micro'], spot: false, address: 'private', diskGiB: 10, ...cloud },
    ...more,
  });
}

function specOf(...services: readonly ServiceSpec[]): Spec {
  return {
    name: 'web',
    provider: 'aws',
    region: 'eu-central-1',
    ttlMs: 3_600_000,
    owner: 'ada',
    tags: {},
    budget: {},
    secrets: {},
    volumes: {},
    databases: {},
    services: Object.fromEntries(services.map((one) => [one.name, one])),
    baseDir: '/',
  };
}

async function world(more: Partial<Parameters<typeof dataWorld>[0]> = {}) {
  const [ec2, list] = [await ec2For(), await startPriceServer()];
  const data = dataWorld({ url: ec2.url, region: 'eu-central-1', ...more, env: { AWS_ENDPOINT_URL_PRICING: list.url, ...more.env } });
  const open = (settings = {}) => openPrices(data.clouds, { ...data.options, settings: { ...data.options.settings, ...settings } });
  return { ...data, ec2, list, open };
}

describe('prices on AWS', () => {
  it('are those of the price list: instance with its root disk, public address, disk by its size, load balancer', async () => {
    const { open, call, list } = await world({ settings: { listener: 'arn:aws:elasticloadbalancing:x:1:listener/app/a/b/c' } });
    const book = open();
    await book.quote(specOf(service({}, { expose: { port: 'auto', host: '127.0.0.1' } })), call);
    const disk = (gib: number) => Math.round((usd(0.0952) * gib) / 730);
    expect(book.price({ kind: 'service', service: service() })).toBe(usd(0.012) + disk(10));
    expect(book.price({ kind: 'service', service: service({ address: 'public' }) })).toBe(usd(0.012) + disk(10) + usd(0.005));
    expect(book.price({ kind: 'volume', volume: { from: 'disk', sizeGiB: 100 } })).toBe(disk(100));
    expect(book.price({ kind: 'volume', volume: { from: 'snapshot', snapshot: 'snap-1' } })).toBe('unknown');
    expect(book.price({ kind: 'volume' })).toBe('unknown');
    expect(book.price({ kind: 'route' })).toBe(usd(0.027));
    expect(book.price({ kind: 'firewall' })).toBe(0);
    expect(book.price({ kind: 'database' })).toBe('unknown');
    expect(list.asked.find(({ filters }) => filters['instanceType'] !== undefined)).toEqual({
      service: 'AmazonEC2',
      filters: {
        instanceType: 't3.micro',
        regionCode: 'eu-central-1',
        operatingSystem: 'Linux',
        tenancy: 'Shared',
        preInstalledSw: 'NA',
        capacitystatus: 'Used',
        licenseModel: 'No License required',
      },
    });
  });

  it('are asked for once a day, by whatever process, and spot prices more often', async () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 23));
    const { open, call, list, ec2 } = await world({ clock });
    const spec = specOf(service({ spot: true }));
    await open().quote(spec, call);
    const asked = list.asked.length;
    expect(asked).toBe(2);
    const book = open();
    await book.quote(spec, call);
    expect(list.asked.length).toBe(asked);
    expect(ec2.counts()['DescribeSpotPriceHistory']).toBe(1);
    await clock.advance(2 * 3_600_000);
    await open().quote(spec, call);
    expect([list.asked.length, ec2.counts()['DescribeSpotPriceHistory']]).toEqual([asked, 2]);
    await clock.advance(DAY);
    await open().quote(spec, call);
    expect(list.asked.length).toBe(2 * asked);
  });

  it('of spot are below those on demand, which stand in for them where there are none', async () => {
    const { open, call } = await world();
    const book = open();
    await book.quote(specOf(service({ spot: true })), call);
    const onDemand = book.price({ kind: 'service', service: service() });
    const spot = book.price({ kind: 'service', service: service({ spot: true }) });
    expect(Number(spot)).toBeLessThan(Number(onDemand));
    const other = await world();
    other.ec2.script({ action: 'DescribeSpotPriceHistory', times: 'always', fault: 'denied' });
    const without = other.open();
    await without.quote(specOf(service({ spot: true })), other.call);
    expect(without.price({ kind: 'service', service: service({ spot: true }) })).toBe(onDemand);
  });

  it('of the config come first, and no price is asked where they say everything', async () => {
    const { open, call, list, ec2 } = await world();
    const prices = {
      't3.micro': usd(1),
      'disk-gib-month': usd(0.73),
      'public-ip': usd(0.1),
      'load-balancer': usd(2),
      'db.t4g.micro': usd(3),
    };
    const book = open({ prices });
    await book.quote(specOf(service()), call);
    // But for what the image has: its disks are as large as its maker wanted them.
    expect([list.asked, ec2.counts()]).toEqual([[], { GetParameter: 1, DescribeImages: 1 }]);
    expect(book.price({ kind: 'service', service: service({ address: 'public' }) })).toBe(usd(1) + usd(0.01) + usd(0.1));
    expect(book.price({ kind: 'route' })).toBe(usd(2));
    const database = { name: 'db', source: { from: 'snapshot', snapshot: 's' }, instanceClass: 'db.t4g.micro' } as const;
    expect(book.price({ kind: 'database', database })).toBe(usd(3));
  });

  it('are told for the machine that was got, whichever it is', async () => {
    const { open, call } = await world();
    const book = open({ prices: { 'c5.large': usd(0.1), 'disk-gib-month': 0 } });
    const wanted = service({ instanceTypes: ['t3.micro', 'c5.large'], spot: true });
    await book.quote(specOf(wanted), call);
    expect(book.machinePrice(wanted, { type: 'c5.large', spot: false })).toBe(usd(0.1));
    expect(book.machinePrice(wanted, { type: 't3.micro', spot: false })).toBe(usd(0.012));
    expect(Number(book.machinePrice(wanted, { type: 't3.micro', spot: true }))).toBeLessThan(usd(0.012));
    expect(book.machinePrice(wanted, { type: 'm7i.large', spot: false })).toBe('unknown');
  });

  it('take the size of a root disk from the image where the spec says none', async () => {
    const { open, call } = await world();
    const book = open({ prices: { 't3.micro': 0, 'disk-gib-month': usd(730) } });
    const plain = serviceSpec({ name: 'web', cloud: { instanceTypes: ['t3.micro'], spot: false, address: 'private' } });
    await book.quote(specOf(plain), call);
    expect(book.price({ kind: 'service', service: plain })).toBe(usd(8));
  });

  it('take in every disk that the image has beside its root, however large that is', async () => {
    const { open, call } = await world({ region: 'us-east-1' });
    const book = open({ prices: { 't3.micro': 0, 'disk-gib-month': usd(730) } });
    const cloud = { instanceTypes: ['t3.micro'], spot: false, address: 'private', image: DATA_DISKS } as const;
    const [plain, large] = [serviceSpec({ name: 'a', cloud }), serviceSpec({ name: 'b', cloud: { ...cloud, diskGiB: 30 } })];
    await book.quote({ ...specOf(plain, large), region: 'us-east-1' }, call);
    expect([plain, large].map((one) => book.price({ kind: 'service', service: one }))).toEqual([usd(128), usd(150)]);
  });

  it.each(['page', 'nothing'] as const)('stay unknown where the list answers with %s, which is not asked again at once', async (mode) => {
    const clock = new ManualClock(Date.UTC(2026, 10, 23));
    const { open, call, list } = await world({ clock });
    list.mode = mode;
    const book = open();
    await book.quote(specOf(service()), call);
    expect(book.price({ kind: 'service', service: service() })).toBe('unknown');
    expect(book.check(clock.now()).detail).toContain('unknown: on-demand t3.micro, disk-gib-month');
    const asked = list.asked.length;
    await open().quote(specOf(service()), call);
    expect(list.asked.length).toBe(asked);
    list.mode = 'prices';
    await clock.advance(3_600_000);
    const later = open();
    await later.quote(specOf(service()), call);
    expect(later.price({ kind: 'service', service: service() })).not.toBe('unknown');
  });

  it('that are old are kept, and said to be, where the list cannot be asked any more', async () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 23));
    const { open, call, list } = await world({ clock });
    await open().quote(specOf(service()), call);
    list.mode = 'page';
    await clock.advance(3 * DAY);
    const book = open();
    await book.quote(specOf(service()), call);
    expect(book.price({ kind: 'service', service: service() })).not.toBe('unknown');
    expect(book.check(clock.now())).toEqual({
      name: 'prices',
      ok: true,
      detail: 'of 2026-11-23; the price list could not be asked since 2026-11-23T00:00:00.000Z',
    });
    const asked = list.asked.length;
    await open().quote(specOf(service()), call);
    expect(list.asked.length).toBe(asked);
  });

  it('are not said to be old, or unknown, for what another spec once asked for', async () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 23));
    const { open, call, list } = await world({ clock, settings: { prices: { 'm5.large': 1 } } });
    await open().quote(specOf(service()), call);
    list.mode = 'nothing';
    await open().quote(specOf(service({ instanceTypes: ['z9.huge'] })), call);
    list.mode = 'prices';
    await clock.advance(3 * DAY);
    const book = open();
    const other = service({ instanceTypes: ['m5.large'] });
    await book.quote(specOf(other), call);
    expect(book.check(clock.now())).toEqual({ name: 'prices', ok: true, detail: 'of 2026-11-26' });
    // Nor for what this process asked for first.
    list.mode = 'page';
    await book.quote(specOf(service()), call);
    await book.quote(specOf(other), call);
    expect(book.check(clock.now()).detail).toBe('of 2026-11-26');
  });

  it('hold a plan up for five seconds at most', async () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 23));
    const { open, call, list } = await world({ clock });
    list.mode = 'silence';
    const book = open();
    const quoted = book.quote(specOf(service()), call);
    await until(() => list.asked.length === 2);
    await clock.advance(5_000);
    await quoted;
    expect(book.price({ kind: 'service', service: service() })).toBe('unknown');
  });

  it('survive a cache that is damaged, and are not shared between endpoints', async () => {
    const { open, call, list, options } = await world();
    await open().quote(specOf(service()), call);
    const folder = join(options.cacheDir, 'prices');
    const [file = ''] = await readdir(folder);
    expect(JSON.parse(await readFile(join(folder, file), 'utf8'))).toMatchObject({ v: 1 });
    await writeFile(join(folder, file), '{"v":1,"prices":{"on-demand t3.micro":{"at":"x"}');
    const asked = list.asked.length;
    const book = open();
    await book.quote(specOf(service()), call);
    expect(list.asked.length).toBe(2 * asked);
    expect(book.price({ kind: 'service', service: service() })).not.toBe('unknown');
    expect(file).toMatch(/^eu-central-1-[0-9a-z]{8}\.json$/);
  });
});

/** Waits for something that comes over the wire, and by no clock of ours. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
