import type { Addresses } from './addresses.ts';
import { filtersOf, type Seen } from './filters.ts';
import { INSTANCE_STATES, type InstanceState, type States } from './states.ts';
import { type Element, element, elementsOf, find, itemsOf, keepItems, setChild, setText, textAt } from './xml.ts';

/** The instances of an answer to RunInstances, as moto has just made them. */
export function instancesMade(answer: Element): readonly { readonly id: string; readonly interfaces: readonly string[] }[] {
  return itemsOf(answer, 'instancesSet').map((instance) => ({
    id: textAt(instance, 'instanceId'),
    interfaces: itemsOf(instance, 'networkInterfaceSet').map((nic) => textAt(nic, 'networkInterfaceId')),
  }));
}

/** An answer to RunInstances with addresses that may be known. */
export function rewriteRun(answer: Element, addresses: Addresses | undefined): void {
  for (const instance of itemsOf(answer, 'instancesSet')) {
    showGroups(instance);
    addresses?.rewrite(instance);
  }
}

/** An answer to DescribeInstances with the states that time makes, and only with what the filters want and what can be seen. */
export function rewriteInstances(answer: Element, params: URLSearchParams, states: States, addresses: Addresses | undefined): void {
  const filters = filtersOf(params);
  const reservations = find(answer, 'reservationSet');
  for (const reservation of itemsOf(answer, 'reservationSet')) {
    keepItems(find(reservation, 'instancesSet'), (instance) => {
      const id = textAt(instance, 'instanceId');
      const state = states.stateOf(id, stateIn(instance, 'instanceState'));
      setState(instance, 'instanceState', state);
      showGroups(instance);
      addresses?.rewrite(instance);
      const seen: Seen = { instance, reservation, state };
      const wanted = !states.hides(id) && filters.every((filter) => filter.wants(seen));
      if (state === 'terminated') strip(instance);
      return wanted;
    });
  }
  keepItems(reservations, (reservation) => itemsOf(reservation, 'instancesSet').length > 0);
}

/** An answer to DescribeInstanceStatus about all instances, cut down to what was asked for. */
export function rewriteStatuses(answer: Element, params: URLSearchParams, states: States): void {
  const all = params.get('IncludeAllInstances') === 'true';
  const filters = filtersOf(params);
  keepItems(find(answer, 'instanceStatusSet'), (item) => {
    const id = textAt(item, 'instanceId');
    const state = states.stateOf(id, stateIn(item, 'instanceState'));
    setState(item, 'instanceState', state);
    const checks = states.checksOf(id, state);
    for (const name of ['instanceStatus', 'systemStatus'])
      setChild(item, statusElement(name, name === 'systemStatus' && checks === 'impaired' ? 'ok' : checks));
    return (
      !states.hides(id) &&
      (all || state === 'running') &&
      filters.every((filter) => filter.wants({ instance: item, reservation: item, state }))
    );
  });
}

/** An answer to TerminateInstances with the states that time makes; from now on the instances are ending. */
export function rewriteTerminated(answer: Element, states: States): void {
  for (const item of itemsOf(answer, 'instancesSet')) {
    const id = textAt(item, 'instanceId');
    const previous = states.stateOf(id, stateIn(item, 'previousState'));
    states.end(id);
    setState(item, 'previousState', previous);
    setState(item, 'currentState', previous === 'terminated' ? 'terminated' : 'shutting-down');
  }
}

export function stateIn(item: Element, name: string): InstanceState {
  const told = textAt(item, name, 'name');
  return Object.keys(INSTANCE_STATES).find((state): state is InstanceState => state === told) ?? 'running';
}

function setState(item: Element, name: string, state: InstanceState): void {
  setChild(item, element(name, element('code', String(INSTANCE_STATES[state])), element('name', state)));
}

function statusElement(name: string, status: string): Element {
  const reachability = { ok: 'passed', impaired: 'failed', initializing: 'initializing' }[status];
  const details = reachability === undefined ? [] : [element('item', element('name', 'reachability'), element('status', reachability))];
  return element(name, element('status', status), ...(details.length === 0 ? [] : [element('details', ...details)]));
}

/** Moto tells the groups of an interface that came with its own with the interface alone; EC2 tells them with the instance too. */
function showGroups(instance: Element): void {
  if (itemsOf(instance, 'groupSet').length > 0) return;
  const groups = itemsOf(instance, 'networkInterfaceSet').flatMap((nic) => itemsOf(nic, 'groupSet'));
  setChild(instance, element('groupSet', ...groups));
}

/** What a terminated instance no longer has. */
function strip(instance: Element): void {
  const gone = new Set(['ipAddress', 'privateIpAddress', 'subnetId', 'vpcId']);
  const kept = elementsOf(instance).filter(({ name }) => !gone.has(name));
  instance.children.splice(0, instance.children.length, ...kept);
  for (const name of ['groupSet', 'networkInterfaceSet', 'blockDeviceMapping']) setChild(instance, element(name));
  for (const name of ['dnsName', 'privateDnsName']) setText(instance, name, '');
}
