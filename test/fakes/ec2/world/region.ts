import { refuse } from '../protocol/refusal.ts';
import { slice } from './addresses.ts';
import { imageIdIn, IMAGES } from './catalog.ts';
import { ParameterStore } from './parameters.ts';
import { SchedulerStore } from './scheduler.ts';
import { Tokens } from './tokens.ts';
import type {
  GroupThing,
  ImageThing,
  InstanceThing,
  InterfaceThing,
  ReservationThing,
  RuleThing,
  SnapshotThing,
  SpotRequestThing,
  SubnetThing,
  Thing,
  VolumeThing,
  VpcThing,
} from './things.ts';
import type { World } from './world.ts';

interface Kinds {
  readonly instance: InstanceThing;
  readonly 'network-interface': InterfaceThing;
  readonly 'security-group': GroupThing;
  readonly 'security-group-rule': RuleThing;
  readonly volume: VolumeThing;
  readonly snapshot: SnapshotThing;
  readonly image: ImageThing;
  readonly vpc: VpcThing;
  readonly subnet: SubnetThing;
  readonly 'spot-instances-request': SpotRequestThing;
}
export type Kind = keyof Kinds;

interface KindWords {
  readonly prefix: string;
  /** Errors are `<code>.NotFound` and `<code>.Malformed`. */
  readonly code: string;
  readonly missing: (ids: readonly string[]) => string;
}

const WORDS: Readonly<Record<Kind, KindWords>> = {
  instance: {
    prefix: 'i',
    code: 'InvalidInstanceID',
    missing: (ids) =>
      ids.length === 1 ? `The instance ID '${ids.join('')}' does not exist` : `The instance IDs '${ids.join(', ')}' do not exist`,
  },
  'network-interface': {
    prefix: 'eni',
    code: 'InvalidNetworkInterfaceID',
    missing: (ids) => `The networkInterface ID '${ids.join(', ')}' does not exist`,
  },
  'security-group': {
    prefix: 'sg',
    code: 'InvalidGroup',
    missing: (ids) => `The security group '${ids.join(', ')}' does not exist`,
  },
  'security-group-rule': {
    prefix: 'sgr',
    code: 'InvalidSecurityGroupRuleId',
    missing: (ids) => `The security group rule ID '${ids.join(', ')}' does not exist`,
  },
  volume: { prefix: 'vol', code: 'InvalidVolume', missing: (ids) => `The volume '${ids.join(', ')}' does not exist.` },
  snapshot: { prefix: 'snap', code: 'InvalidSnapshot', missing: (ids) => `The snapshot '${ids.join(', ')}' does not exist.` },
  image: { prefix: 'ami', code: 'InvalidAMIID', missing: (ids) => `The image id '[${ids.join(', ')}]' does not exist` },
  vpc: { prefix: 'vpc', code: 'InvalidVpcID', missing: (ids) => `The vpc ID '${ids.join(', ')}' does not exist` },
  subnet: { prefix: 'subnet', code: 'InvalidSubnetID', missing: (ids) => `The subnet ID '${ids.join(', ')}' does not exist` },
  'spot-instances-request': {
    prefix: 'sir',
    code: 'InvalidSpotInstanceRequestID',
    missing: (ids) => `The spot instance request ID '${ids.join(', ')}' does not exist`,
  },
};

const KINDS = Object.keys(WORDS) as readonly Kind[];

/** One region of one account, with its default VPC, three default subnets and the public images. */
export class RegionWorld {
  readonly world: World;
  readonly account: string;
  readonly name: string;
  readonly zones: readonly string[];
  readonly reservations = new Map<string, ReservationThing>();
  readonly tokens = new Tokens();
  readonly parameters: ParameterStore;
  readonly scheduler = new SchedulerStore();
  readonly defaultVpc: VpcThing;
  /** How many of each kind were ever made, whatever became of them. */
  readonly made: Partial<Record<Kind, number>> = {};
  /** How many public addresses were given out. */
  publicAddresses = 0;
  /** So that one instance's volumes are found without looking at all of them. */
  readonly #volumes = new WeakMap<InstanceThing, VolumeThing[]>();
  readonly #things: { readonly [K in Kind]: Map<string, Kinds[K]> } = {
    instance: new Map(),
    'network-interface': new Map(),
    'security-group': new Map(),
    'security-group-rule': new Map(),
    volume: new Map(),
    snapshot: new Map(),
    image: new Map(),
    vpc: new Map(),
    subnet: new Map(),
    'spot-instances-request': new Map(),
  };

  constructor(world: World, account: string, name: string) {
    this.world = world;
    this.account = account;
    this.name = name;
    this.zones = ['a', 'b', 'c'].map((letter) => name + letter);
    this.parameters = new ParameterStore(name, account);
    this.defaultVpc = this.add('vpc', { ...this.base('vpc', new Map(), 0), cidr: world.options.privateCidr, isDefault: true });
    this.zones.forEach((zone, n) => {
      this.add('subnet', {
        ...this.base('subnet', new Map(), 0),
        vpc: this.defaultVpc,
        zone,
        zoneId: `${shortName(name)}-az${n + 1}`,
        cidr: slice(world.options.privateCidr, n),
        defaultForZone: true,
        publicByDefault: true,
        used: new Set(),
        taken: 0,
      });
    });
    for (const entry of IMAGES) {
      const id = imageIdIn(name, entry);
      const snapshotId = id.replace('ami-', 'snap-');
      const { aliases, further, ...facts } = entry;
      this.add('image', {
        ...this.base('image', new Map(), 0),
        ...facts,
        id,
        description: entry.name,
        snapshotId,
        further: further.map((disk, index) => ({ ...disk, snapshotId: snapshotId.replace('snap-0', `snap-${index + 1}`) })),
        ownerAlias: entry.ownerAlias,
      });
      for (const alias of aliases) this.parameters.publish(alias, id, world.now);
    }
  }

  /** What all things have: an ID, a serial number, a time. Visible after `visibleMs`. */
  base<K extends Kind>(type: K, tags: Map<string, string>, visibleMs = this.world.options.visibleMs): Thing & { readonly type: K } {
    const { now, ids } = this.world;
    const serial = ids.serial();
    return { id: ids.id(WORDS[type].prefix, serial), type, serial, createdAt: now, visibleAt: now + visibleMs, tags };
  }

  add<K extends Kind>(type: K, thing: Kinds[K]): Kinds[K] {
    this.made[type] = (this.made[type] ?? 0) + 1;
    this.#things[type].set(thing.id, thing);
    return thing;
  }

  remove(type: Kind, id: string): void {
    this.#things[type].delete(id);
  }

  /** A thing whether it can be seen or not. */
  peek<K extends Kind>(type: K, id: string): Kinds[K] | undefined {
    return this.#things[type].get(id);
  }

  /** Everything of a kind, seen or not. */
  every<K extends Kind>(type: K): IterableIterator<Kinds[K]> {
    return this.#things[type].values();
  }

  /** What a list may show by now, oldest first. */
  visible<K extends Kind>(type: K): readonly Kinds[K][] {
    const { now } = this.world;
    return [...this.#things[type].values()].filter((thing) => thing.visibleAt <= now);
  }

  /**
   * Things by ID, in the order asked for; each once.
   * @throws Refusal `….Malformed`, `….NotFound`
   */
  find<K extends Kind>(type: K, ids: readonly string[]): readonly Kinds[K][] {
    const { prefix, code, missing } = WORDS[type];
    const malformed = ids.find((id) => !new RegExp(`^${prefix}-[0-9a-f]{8,17}$`).test(id));
    if (malformed !== undefined) {
      if (type === 'security-group') refuse('InvalidGroupId.Malformed', `Invalid id: "${malformed}" (expecting "sg-...")`);
      refuse(`${code}.Malformed`, `Invalid id: "${malformed}"`);
    }
    const found: Kinds[K][] = [];
    const absent: string[] = [];
    for (const id of new Set(ids)) {
      const thing = this.#things[type].get(id);
      if (thing === undefined || thing.visibleAt > this.world.now) absent.push(id);
      else found.push(thing);
    }
    if (absent.length > 0) refuse(`${code}.NotFound`, missing(absent));
    return found;
  }

  /** The things of the given IDs, or all that a list may show where none are given. @throws Refusal */
  listed<K extends Kind>(type: K, ids: readonly string[] | undefined): readonly Kinds[K][] {
    return ids === undefined || ids.length === 0 ? this.visible(type) : this.find(type, ids);
  }

  get<K extends Kind>(type: K, id: string): Kinds[K] {
    const [thing] = this.find(type, [id]);
    return thing ?? refuse(`${WORDS[type].code}.NotFound`, WORDS[type].missing([id]));
  }

  /** Volumes that an instance came with or was given; kept by those who attach and detach. */
  volumesOf(instance: InstanceThing): VolumeThing[] {
    let volumes = this.#volumes.get(instance);
    if (volumes === undefined) {
      volumes = [];
      this.#volumes.set(instance, volumes);
    }
    return volumes;
  }

  /** A thing whatever its kind. @throws Refusal `InvalidID` */
  anything(id: string): Thing {
    const prefix = id.slice(0, id.lastIndexOf('-'));
    const kind = KINDS.find((kind) => WORDS[kind].prefix === prefix);
    return kind === undefined ? refuse('InvalidID', `The ID '${id}' is not valid`) : this.get(kind, id);
  }

  /** Everything that can be seen and is tagged, oldest first. */
  tagged(): readonly Thing[] {
    const { now } = this.world;
    return KINDS.flatMap((kind) => [...this.every(kind)].filter((thing) => thing.tags.size > 0 && thing.visibleAt <= now)).toSorted(
      (a, b) => a.serial - b.serial,
    );
  }

  arn(service: string, rest: string): string {
    return `arn:aws:${service}:${this.name}:${this.account}:${rest}`;
  }
}

/** `use1` of `us-east-1`, the form of zone IDs. */
function shortName(region: string): string {
  const [area = '', ...rest] = region.split('-');
  return `${area}${rest.map((part) => part.charAt(0)).join('')}`;
}
