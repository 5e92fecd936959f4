import type { Call } from '../provider.ts';
import { Asked } from './asked.ts';
import type { Cloud } from './cloud.ts';
import { Consoles } from './instances/console.ts';
import { Groups } from './network/groups.ts';
import { HealthBook } from './instances/health.ts';
import { Leaving } from './instances/leaving.ts';
import { Machines } from './instances/machines.ts';
import { StatusChecks } from './instances/status-checks.ts';

/** One region as this process knows it: what it asked together, launched, checked and let go. */
export interface Region {
  readonly cloud: Cloud;
  readonly machines: Machines;
  readonly groups: Groups;
  readonly health: HealthBook;
  readonly statusChecks: StatusChecks;
  readonly consoles: Consoles;
  readonly leaving: Leaving;
  readonly asked: Asked;
  /** True the first time that it is asked for `what`: events are told once. */
  toldOnce(what: string): boolean;
  /** Notes that this process attached a volume as `device`, which lists may not show yet. */
  attached(machine: string, device: string): void;
  isAttached(machine: string, device: string): boolean;
}

export function openRegion(cloud: Cloud, { clock }: Pick<Call, 'clock'>): Region {
  const told = new Set<string>();
  const attached = new Set<string>();
  return {
    cloud,
    machines: new Machines(cloud),
    groups: new Groups(cloud),
    health: new HealthBook(clock),
    statusChecks: new StatusChecks(cloud),
    consoles: new Consoles(cloud),
    leaving: new Leaving(clock),
    asked: new Asked(),
    toldOnce: (what) => {
      const first = !told.has(what);
      told.add(what);
      return first;
    },
    attached: (machine, device) => void attached.add(`${machine} ${device}`),
    isAttached: (machine, device) => attached.has(`${machine} ${device}`),
  };
}
