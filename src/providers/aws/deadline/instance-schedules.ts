import type { Call, SpinRef } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { scheduleName } from '../names.ts';
import { type Armed, armedFor, disarm, endInstance, endInstances, rearm, strikesAt } from './schedules.ts';

/**
 * Each instance has a schedule of its own: a request to end several ends none where one of them is not known any more, as is the case an
 * hour after its end. The schedule of all of them, the keeper of the spin, is written last and vouches for the others, so that one request
 * tells whether anything is to be changed, however many instances there are.
 */

/** Sets the schedules to end exactly these instances at the deadline; nothing is written where they do already. @throws Fault */
export async function armInstances(
  cloud: Cloud,
  spin: SpinRef,
  ids: readonly string[],
  deadline: number,
  role: string,
  call: Call,
): Promise<Armed> {
  const all = await armedFor(cloud, spin, 'instances', call);
  const before = all?.instances ?? [];
  const vouchedFor = all?.each === true ? before : [];
  const stays = all?.at === strikesAt(deadline, call) && all.role === role;
  const wrong = stays ? ids.filter((id) => !vouchedFor.includes(id)) : ids;
  const gone = before.filter((id) => !ids.includes(id));
  if (all?.each === true && stays && wrong.length === 0 && gone.length === 0) return all;
  // While they move it vouches for none: a move that breaks off must not pass for none at all when the deadline goes back to where it was.
  if (vouchedFor.length > 0 && !stays) await rearm(cloud, spin, endInstances(before), deadline, role, true, call);
  await Promise.all([
    ...wrong.map((id) => rearm(cloud, spin, endInstance(id), deadline, role, vouchedFor.includes(id), call)),
    ...gone.map((id) => disarm(cloud, scheduleName(cloud.options.stateTag, spin, id), call)),
  ]);
  return rearm(cloud, spin, { ...endInstances(ids), each: true }, deadline, role, all !== undefined, call);
}
