import type { ServiceSpec } from '../../../spec/spec.ts';
import { bindService } from '../../bind.ts';
import { Fault } from '../../fault.ts';
import type { Call, CreateRequest, Handle } from '../../provider.ts';
import { attachVolume, type Disk, diskOf } from '../data/volumes.ts';
import { networkOf } from '../network/network.ts';
import { made } from '../observing.ts';
import { refuseOthers } from '../ownership.ts';
import { guard } from '../place.ts';
import type { Region } from '../region.ts';
import { deviceOf, refuseTakenDevices } from './devices.ts';
import { drainSurplus, terminate } from './ending.ts';
import { resolveImage } from './images.ts';
import { type Ground, launch } from './launch.ts';
import { isGone, type Machine } from './machine.ts';
import { needOf, serviceOf } from './observe-instances.ts';
import { poolsOf } from './pools.ts';
import { rosterOf } from './roster.ts';
import type { BootPrograms } from './user-data.ts';

/**
 * Makes the machines that are missing, with one request; drains and ends those that are too many; attaches volumes to those that run.
 * @throws Fault `capacity`, exhausted after the last pool; also where only some came up: those are kept, and the next attempt makes the rest
 */
export async function createService(region: Region, programs: BootPrograms, request: CreateRequest, call: Call): Promise<Handle> {
  region.leaving.forget(request.spin, request.key);
  // What was made before may well be whole, and then nothing else need be known.
  const before = request.handle === undefined ? [] : ownOf(request, await region.machines.of(request.spin, call));
  if (isWhole(before, request)) return request.handle ?? {};
  const ground = await survey(region, request, call);
  const there = ground.machines.filter((machine) => !isGone(machine));
  refuseOthers(there, region.cloud.options.stateTag);
  const { kept, missing, surplus } = rosterOf(ground.machines, request.count);
  if (surplus.length > 0) {
    await drainSurplus(region, request, surplus, call);
    await terminate(region, surplus, call);
  }
  if (missing.length > 0) await launch(region, programs, request, ground, missing, call);
  await attachAll(region, request, ground.service, [...kept.values()], call);
  const launchedAt = Math.min(...[...kept.values()].map((machine) => machine.launchedAt));
  return missing.length > 0 ? made(call, {}) : (request.handle ?? { madeAt: launchedAt });
}

function ownOf(request: CreateRequest, machines: readonly Machine[]): readonly Machine[] {
  return machines.filter(({ owner }) => owner.resource === request.key);
}

function isWhole(machines: readonly Machine[], request: CreateRequest): boolean {
  const { missing, surplus } = rosterOf(machines, request.count);
  return missing.length === 0 && surplus.length === 0 && serviceOf(request).volumes.length === 0;
}

async function survey(region: Region, request: CreateRequest, call: Call): Promise<Ground> {
  const { cloud } = region;
  const { settings } = cloud.options;
  const service = bindService(serviceOf(request), request.bindings);
  const firewall = needOf(request, `firewall.${service.name}`);
  const first = region.asked.isFirst(request);
  region.machines.launching(request.spin, first);
  const [machines, network, image, disks, group] = await Promise.all([
    first ? guard(cloud, request.spin.place, call).then(() => []) : region.machines.of(request.spin, call),
    networkOf(cloud, call),
    resolveImage(cloud, service.cloud.image ?? settings.image, call),
    disksOf(region, request, service, call),
    firewall === undefined ? undefined : region.groups.idOf(request.spin, firewall, call),
  ]);
  if (firewall !== undefined && group === undefined) {
    throw new Fault('transient', 'not-shown-yet', `the security group of ${service.name} is not shown yet`);
  }
  refuseTakenDevices(service, image);
  const [zone] = [...disks.values()].map((disk) => disk.zone);
  return {
    service,
    machines: ownOf(request, machines),
    image,
    pools: poolsOf(service.cloud, settings, network.subnets, zone),
    disks,
    groups: group === undefined ? [] : [group],
  };
}

async function disksOf(region: Region, request: CreateRequest, service: ServiceSpec, call: Call): Promise<ReadonlyMap<string, Disk>> {
  const entries = service.volumes.map(async ({ volume }) => {
    const key = needOf(request, `volume.${volume}`) ?? `volume.${volume}@1`;
    const disk = await diskOf(region.cloud, request.spin, key, call);
    if (disk === undefined) throw new Fault('transient', 'not-shown-yet', `${key} is not shown yet`);
    return [volume, disk] as const;
  });
  return new Map(await Promise.all(entries));
}

async function attachAll(
  region: Region,
  request: CreateRequest,
  service: ServiceSpec,
  machines: readonly Machine[],
  call: Call,
): Promise<void> {
  for (const machine of machines.filter(({ state }) => state === 'running')) {
    for (const [index, { volume }] of service.volumes.entries()) {
      const device = deviceOf(index);
      if (machine.devices.includes(device) || region.isAttached(machine.id, device)) continue;
      const key = needOf(request, `volume.${volume}`) ?? `volume.${volume}@1`;
      await attachVolume(region.cloud, request.spin, key, machine.id, device, call);
      region.attached(machine.id, device);
    }
  }
}
