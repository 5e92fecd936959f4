import { SpinError } from '../core/errors.ts';
import { canonicalJson, type SpinId } from '../core/ids.ts';
import { instanceOf } from '../plan/build.ts';
import type { Desire, Plan, PlannedResource, ResourceAddress } from '../plan/plan.ts';
import type { Bindings } from '../providers/provider.ts';
import type { ResourceRecord } from '../store/record.ts';
import type { Assessment } from './assess.ts';
import { isBound, standsOn } from './given.ts';
import { bindingsOf } from './work.ts';

export type Action = 'create' | 'keep' | 'resume' | 'replace' | 'scale-up' | 'scale-down' | 'delete' | 'refuse';

/** What is to be done about one address so that it becomes what the plan asks for. */
export interface Decision {
  readonly address: ResourceAddress;
  readonly action: Action;
  readonly reason: string;
  /** Absent for what the plan no longer has. */
  readonly planned?: PlannedResource;
  /** The generation that goes on, if any. */
  readonly current?: ResourceRecord;
  /** What it waits for beyond what it needs: a route is told what stands behind it when that serves. */
  readonly after?: ResourceAddress;
  /** Generations that must go. */
  readonly stale: readonly ResourceRecord[];
}

/**
 * Compares a plan with what exists. Pure: the same facts give the same decisions, in graph order,
 * what is not in the plan any more last.
 */
export function reconcile(
  plan: Plan,
  resources: readonly ResourceRecord[],
  assessments: ReadonlyMap<string, Assessment>,
): readonly Decision[] {
  const planned = new Set(plan.resources.map((resource) => resource.address));
  const gone = [...new Set(resources.map((resource) => resource.address))].filter((address) => !planned.has(address));
  const decided = plan.resources.map((resource) =>
    decide(
      resource,
      resources.filter((existing) => existing.address === resource.address),
      assessments,
    ),
  );
  const leaving = new Set(decided.flatMap(({ stale }) => stale.map(({ key }) => key)));
  const bindings = bindingsOf({ resources: Object.fromEntries(resources.map((resource) => [resource.key, resource])) }, leaving);
  const going = new Map<ResourceAddress, ResourceRecord | undefined>();
  return [
    ...decided.map((decision) => {
      const final = withWhatItStandsOn(decision, going, bindings);
      going.set(final.address, final.current);
      return final;
    }),
    ...gone.map((address): Decision => ({
      address,
      action: 'delete',
      reason: 'not in the spec any more',
      stale: resources.filter((existing) => existing.address === address),
    })),
  ];
}

function decide(planned: PlannedResource, existing: readonly ResourceRecord[], assessments: ReadonlyMap<string, Assessment>): Decision {
  const { address } = planned;
  if (existing.length === 0) return { address, planned, action: 'create', reason: 'new', stale: [] };
  const newestFirst = existing.toSorted((a, b) => b.generation - a.generation);
  const usable = newestFirst.find(
    (resource) => resource.digest === planned.digest && ['sound', 'resume'].includes(assessments.get(resource.key)?.is ?? ''),
  );
  const stale = newestFirst.filter((resource) => resource !== usable);
  if (usable === undefined) return replacement(planned, newestFirst, assessments);

  const { is, reason } = assessments.get(usable.key) ?? { is: 'resume', reason: 'not observed' };
  const decision = { address, planned, current: usable, stale };
  if (usable.count < planned.count) return { ...decision, action: 'scale-up', reason: `${usable.count} to ${planned.count} instances` };
  if (usable.count > planned.count) return { ...decision, action: 'scale-down', reason: `${usable.count} to ${planned.count} instances` };
  if (is !== 'sound') return { ...decision, action: 'resume', reason };
  const behind = behindChanged(usable.desire, planned.desire);
  if (behind === undefined) return { ...decision, action: 'keep', reason };
  return { ...decision, action: 'resume', reason: 'health check or drain changed', after: behind };
}

/**
 * Address of the service behind a route whose health check or drain is another than the route was told. It is told in place, and not
 * before the new one serves: what the old one cannot answer would take the old one out.
 */
function behindChanged(before: Desire, after: Desire): ResourceAddress | undefined {
  if (before.kind !== 'route' || after.kind !== 'route' || after.behind === undefined) return undefined;
  const told = ({ behind }: typeof after): string => canonicalJson([behind?.health ?? null, behind?.drainMs ?? null]);
  return told(before) === told(after) ? undefined : `service.${after.service}`;
}

/**
 * A generation cannot go on where what it was given is replaced, or was while nobody finished the work.
 * @param going the generations that go on, undefined for what is made anew, of everything earlier in graph order
 */
function withWhatItStandsOn(
  decision: Decision,
  going: ReadonlyMap<ResourceAddress, ResourceRecord | undefined>,
  bindings: Bindings,
): Decision {
  const { address, planned, current, stale } = decision;
  if (planned === undefined || current === undefined) return decision;
  const replaced = (reason: string): Decision => ({ address, planned, action: 'replace', reason, stale: [current, ...stale] });
  const other = planned.needs.find((need) => !standsOn(current, [going.get(need)?.key ?? `${need}@new`]));
  if (other !== undefined) return replaced(`${other} is replaced`);
  // Of what does not serve yet the address will be known when this one's turn comes, and then it is looked at again.
  if (!whereFrom(planned, going).every((resource) => resource?.status === 'ready')) return decision;
  return isBound(current, planned.desire, bindings) ? decision : replaced('an address that it was given changed');
}

/** What gives the services that a resource needs their addresses: their instances, and their routes. */
function whereFrom(
  { needs }: PlannedResource,
  going: ReadonlyMap<ResourceAddress, ResourceRecord | undefined>,
): readonly (ResourceRecord | undefined)[] {
  const sources = needs
    .filter((need) => /^(?:service|database)\./.test(need))
    .flatMap((need) => [need, ...(need.startsWith('service.') ? [need.replace('service.', 'route.')] : [])]);
  return sources.filter((source) => going.has(source)).map((source) => going.get(source));
}

function replacement(
  planned: PlannedResource,
  newestFirst: readonly ResourceRecord[],
  assessments: ReadonlyMap<string, Assessment>,
): Decision {
  const [newest] = newestFirst;
  const decision = { address: planned.address, planned, stale: newestFirst };
  if (newest === undefined || newestFirst.every((resource) => resource.status === 'releasing')) {
    return { ...decision, action: 'create', reason: 'its release was not finished' };
  }
  if (newest.digest === planned.digest) return { ...decision, action: 'replace', reason: assessments.get(newest.key)?.reason ?? 'lost' };
  const holdsData = planned.strategy === 'refuse' && (newest.status === 'ready' || newest.status === 'booting');
  return holdsData
    ? { ...decision, action: 'refuse', reason: 'its source changed, and replacing it would lose what was written to it' }
    : { ...decision, action: 'replace', reason: whatChanged(newest.desire, planned.desire) };
}

/** `env and run changed`: the keys of a service that differ; for other kinds, and what lies outside the service, that the spec did. */
function whatChanged(before: Desire, after: Desire): string {
  if (before.kind !== 'service' || after.kind !== 'service') return 'the spec changed';
  const [old, wanted] = [new Map(Object.entries(instanceOf(before.service))), new Map(Object.entries(instanceOf(after.service)))];
  const keys = [...new Set([...old.keys(), ...wanted.keys()])].filter(
    (key) => canonicalJson(old.get(key) ?? null) !== canonicalJson(wanted.get(key) ?? null),
  );
  return keys.length === 0 ? 'what it uses changed' : `${keys.toSorted().join(', ')} changed`;
}

/** @throws SpinError `change-refused`, naming everything that would lose data */
export function refuseLoss(decisions: readonly Decision[], id: SpinId): void {
  const refused = decisions.filter((decision) => decision.action === 'refuse');
  if (refused.length === 0) return;
  const list = refused.map((decision) => `${decision.address} (${decision.reason})`).join('; ');
  throw new SpinError('change-refused', `the changed spec cannot be applied to the running spin: ${list}`, {
    data: { id, refused: refused.map((decision) => decision.address) },
  });
}
