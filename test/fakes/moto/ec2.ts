import type { Clock } from '../../../src/core/clock.ts';
import { Addresses } from './addresses.ts';
import { type Answer, errorAnswer } from './answers.ts';
import { asking, type Call, listParam, withParams } from './call.ts';
import { Capacity, wishOf } from './capacity.ts';
import { refuseNeededGroup } from './dependencies.ts';
import { unknownFilter, withoutOwnFilters } from './filters.ts';
import { instancesMade, rewriteInstances, rewriteRun, rewriteStatuses, rewriteTerminated } from './instances.ts';
import { States, type Times } from './states.ts';
import { Tokens } from './tokens.ts';
import { isReading, Turns } from './upstream.ts';
import { noteMade, refuseHidden, rewriteList, tellsOfThings } from './visibility.ts';
import { type Element, itemsOf, parseXml, printXml, setText, textAt } from './xml.ts';

/** Which of moto's gaps are covered. */
export interface Ec2Behaviour extends Times {
  /** Client tokens replay, mismatch and are spent with their instance. */
  readonly clientTokens: boolean;
  /** RunInstances makes MaxCount instances, not MinCount. */
  readonly maxCount: boolean;
  /** A disk that RunInstances gives no size is as large as the image's, which is taken to be 8 GiB. */
  readonly diskSizes: boolean;
  /** DeleteSecurityGroup is refused while something needs the group. */
  readonly dependencies: boolean;
  /** The tags that RunInstances gives to network interfaces get there. */
  readonly interfaceTags: boolean;
  /** Addresses are loopback addresses instead of strangers'. */
  readonly loopback: boolean;
  /** Instances and their status are told with the states, filters and groups that EC2 would tell. */
  readonly instances: boolean;
  /** GetConsoleOutput tells what the test has put there, instead of one boot of 2006. */
  readonly consoles: boolean;
}

/** How one EC2 call is answered: by moto, with what it lacks put in. */
export class Ec2 {
  readonly #forward: (call: Call) => Promise<Answer>;
  readonly #behaviour: () => Ec2Behaviour;
  readonly #turns = new Turns();
  readonly #tokens = new Tokens();
  readonly #addresses = new Addresses();
  readonly #zones = new Map<string, string>();
  readonly #consoles = new Map<string, string>();
  readonly states: States;
  readonly capacity = new Capacity();

  constructor(forward: (call: Call) => Promise<Answer>, clock: Clock, behaviour: () => Ec2Behaviour) {
    this.#forward = forward;
    this.#behaviour = behaviour;
    this.states = new States(clock, behaviour);
  }

  /** @param account of the caller */
  answer(call: Call, account: string): Promise<Answer> {
    return isReading(call)
      ? this.#turns.reading(() => this.#answer(call, account))
      : this.#turns.writing(() => this.#answer(call, account));
  }

  writeConsole(instance: string, text: string): void {
    this.#consoles.set(instance, text);
  }

  forget(): void {
    for (const part of [this.#tokens, this.#addresses, this.states, this.capacity]) part.forget();
    this.#zones.clear();
    this.#consoles.clear();
  }

  async #answer(call: Call, account: string): Promise<Answer> {
    if (call.params.get('DryRun') === 'true') return this.#forward(call);
    const hidden = refuseHidden(call, this.states);
    if (hidden !== undefined) return hidden;
    const zone = call.action === 'RunInstances' ? await this.#zoneOf(call) : undefined;
    const scope = [account, call.region, ...(zone === undefined ? [] : [zone])].join(' ');
    const isTerminated = (id: string): boolean => this.states.isEnding(id);
    const known = this.#behaviour().clientTokens ? this.#tokens.answerTo(call, scope, isTerminated) : undefined;
    if (known !== undefined) return known;
    const { answer, instances = [] } = await this.#act(call, zone);
    this.#tokens.spend(call, scope, answer, instances);
    return answer;
  }

  async #act(call: Call, zone: string | undefined): Promise<{ readonly answer: Answer; readonly instances?: readonly string[] }> {
    switch (call.action) {
      case 'RunInstances':
        return this.#run(call, zone);
      case 'DescribeInstances':
      case 'DescribeInstanceStatus':
        return { answer: this.#behaviour().instances ? await this.#describe(call) : await this.#forward(call) };
      case 'TerminateInstances':
        return { answer: edited(await this.#forward(call), (root) => rewriteTerminated(root, this.states)) };
      case 'StartInstances':
      case 'StopInstances':
        return { answer: this.#refuseEnding(call) ?? (await this.#forward(call)) };
      case 'DeleteSecurityGroup': {
        const refused = this.#behaviour().dependencies
          ? await refuseNeededGroup(call, (asked) => this.#ask(asked), this.states)
          : undefined;
        return { answer: refused ?? (await this.#forward(call)) };
      }
      case 'GetConsoleOutput':
        return { answer: this.#behaviour().consoles ? await this.#console(call) : await this.#forward(call) };
      default:
        return { answer: await this.#plain(call) };
    }
  }

  async #run(call: Call, zone: string | undefined): Promise<{ readonly answer: Answer; readonly instances?: readonly string[] }> {
    const { maxCount, diskSizes, loopback, interfaceTags } = this.#behaviour();
    const granted = this.capacity.grant(call, wishOf(call, zone));
    if (typeof granted !== 'number') return { answer: granted };
    const params = new URLSearchParams(call.params);
    if (maxCount) params.set('MinCount', String(granted));
    if (diskSizes) sizeDisks(params);
    const answer = await this.#forward(withParams(call, params));
    if (answer.status !== 200) return { answer };
    const root = parseXml(answer.body.toString('utf8'));
    const made = instancesMade(root);
    for (const { id, interfaces } of made) this.states.begin(id, interfaces);
    rewriteRun(root, loopback ? this.#addresses : undefined);
    if (interfaceTags)
      await this.#tagInterfaces(
        call,
        made.flatMap(({ interfaces }) => interfaces),
      );
    return { answer: printed(answer, root), instances: made.map(({ id }) => id) };
  }

  async #tagInterfaces(call: Call, interfaces: readonly string[]): Promise<void> {
    const tags = tagsFor(call.params, 'network-interface');
    if (tags.length === 0 || interfaces.length === 0) return;
    const resources = interfaces.map((id, index) => [`ResourceId.${index + 1}`, id] as const);
    await this.#ask(asking(call, 'CreateTags', Object.fromEntries([...resources, ...tags])));
  }

  async #describe(call: Call): Promise<Answer> {
    const unknown = unknownFilter(call.params);
    if (unknown !== undefined) return errorAnswer(call, 400, 'InvalidParameterValue', `The filter '${unknown}' is invalid`);
    const params = withoutOwnFilters(call.params);
    const ofStatus = call.action === 'DescribeInstanceStatus';
    if (ofStatus) params.set('IncludeAllInstances', 'true');
    const addresses = this.#behaviour().loopback ? this.#addresses : undefined;
    return edited(await this.#forward(withParams(call, params)), (root) => {
      if (ofStatus) rewriteStatuses(root, call.params, this.states);
      else rewriteInstances(root, call.params, this.states, addresses);
    });
  }

  async #console(call: Call): Promise<Answer> {
    const text = this.#consoles.get(call.params.get('InstanceId') ?? '') ?? '';
    return edited(await this.#forward(call), (root) => setText(root, 'output', Buffer.from(text).toString('base64')));
  }

  /** Moto starts a terminated instance, and stops it. */
  #refuseEnding(call: Call): Answer | undefined {
    const ending = listParam(call.params, 'InstanceId').find((id) => this.states.isEnding(id));
    if (ending === undefined) return undefined;
    const verb = call.action === 'StartInstances' ? 'started' : 'stopped';
    const message = `The instance '${ending}' is not in a state from which it can be ${verb}.`;
    return errorAnswer(call, 400, 'IncorrectInstanceState', message);
  }

  async #plain(call: Call): Promise<Answer> {
    const answer = await this.#forward(call);
    if (!tellsOfThings(call.action)) return answer;
    return edited(answer, (root) => {
      noteMade(call.action, root, this.states);
      const left = rewriteList(call.action, root, this.states);
      if (this.#behaviour().loopback && call.action === 'DescribeNetworkInterfaces') for (const nic of left) this.#addresses.rewrite(nic);
    });
  }

  /** The zone that a request names, itself or by its subnet. */
  async #zoneOf(call: Call): Promise<string | undefined> {
    const { params } = call;
    const named = params.get('Placement.AvailabilityZone');
    const subnet = params.get('SubnetId') ?? params.get('NetworkInterface.1.SubnetId');
    if (named !== null || subnet === null) return named ?? undefined;
    const known = this.#zones.get(subnet);
    if (known !== undefined) return known;
    const filter = { 'Filter.1.Name': 'subnet-id', 'Filter.1.Value.1': subnet };
    const found = itemsOf(await this.#ask(asking(call, 'DescribeSubnets', filter)), 'subnetSet')[0];
    const zone = found === undefined ? undefined : textAt(found, 'availabilityZone');
    if (zone !== undefined) this.#zones.set(subnet, zone);
    return zone;
  }

  /** What moto itself says; an empty answer where it refuses. */
  async #ask(call: Call): Promise<Element> {
    const { body } = await this.#forward(call);
    return parseXml(body.toString('utf8'));
  }
}

/** A good answer with its document changed. */
function edited(answer: Answer, edit: (root: Element) => void): Answer {
  if (answer.status !== 200) return answer;
  const root = parseXml(answer.body.toString('utf8'));
  edit(root);
  return printed(answer, root);
}

function printed(answer: Answer, root: Element): Answer {
  return { ...answer, body: Buffer.from(printXml(root)) };
}

function sizeDisks(params: URLSearchParams): void {
  const disks = new Set([...params.keys()].flatMap((name) => /^BlockDeviceMapping\.\d+\.Ebs\./.exec(name)?.[0] ?? []));
  for (const disk of disks) {
    if (!params.has(`${disk}VolumeSize`) && !params.has(`${disk}SnapshotId`)) params.set(`${disk}VolumeSize`, '8');
  }
}

/** The tags that a creating request gives to one type of resource, as parameters of CreateTags. */
function tagsFor(params: URLSearchParams, type: string): readonly (readonly [string, string])[] {
  const place = [...params]
    .find(([name, value]) => /^TagSpecification\.\d+\.ResourceType$/.test(name) && value === type)?.[0]
    .split('.')[1];
  if (place === undefined) return [];
  const prefix = `TagSpecification.${place}.Tag.`;
  return [...params]
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, value]) => [`Tag.${name.slice(prefix.length)}`, value] as const);
}
