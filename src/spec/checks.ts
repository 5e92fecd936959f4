import { isSpinId, slug } from '../core/ids.ts';
import { KEEP_TAG, keepUntil } from '../core/tags.ts';
import type { Reference } from './interpolate.ts';
import { didYouMean, type Finding, type Path } from './problems.ts';
import { isTreeMap, valueAt } from './source.ts';

/**
 * Checks what no shape can tell: names that must exist, cycles, ports, and keys that exclude each other. It reads the tree
 * and not the parsed spec, so that it finds its problems also where the shape of something else is wrong.
 */
export function checkTree(tree: unknown, references: readonly Reference[], idGiven: boolean): Finding[] {
  const services = Object.entries(mapAt(tree, ['services']));
  return [
    ...(idGiven ? [] : checkName(tree)),
    ...checkKeep(tree),
    ...(isTreeMap(valueAt(tree, ['services'])) && services.length === 0
      ? [{ path: ['services'], message: 'is empty: a spin has at least one service' }]
      : []),
    ...checkSources(tree),
    ...checkNeeds(tree, references),
    ...checkDatabaseNames(tree),
    ...checkUses(tree, 'secrets'),
    ...checkUses(tree, 'volumes'),
    ...services.flatMap(([name, service]) => (isTreeMap(service) ? checkService(name, service, references) : [])),
    ...checkPorts(tree),
  ];
}

/** How many of each a spec may name; everything is compared with everything else. */
const MOST_NAMES = 1_000;
/** A name that is nearly another is looked for among all, which would take long for thousands. */
const MOST_SUGGESTED = 20;

/** Sections that name more than can be checked one against the other: they are not looked into any further. */
export function tooMany(tree: unknown): Finding[] {
  return (['services', 'databases', 'secrets', 'volumes'] as const).flatMap((section) => {
    const count = Object.keys(mapAt(tree, [section])).length;
    return count > MOST_NAMES
      ? [{ path: [section], part: 'key' as const, message: `has ${count} names, and ${MOST_NAMES} are allowed` }]
      : [];
  });
}

/** Declared and used by no service: no fault, but seldom meant. */
export function unusedNames(tree: unknown): Finding[] {
  return (['secrets', 'volumes'] as const).flatMap((section) => {
    const used = new Set(
      Object.keys(mapAt(tree, ['services'])).flatMap((service) => usesOf(tree, service, section).map(({ name }) => name)),
    );
    return Object.keys(mapAt(tree, [section]))
      .filter((name) => !used.has(name))
      .map((name) => ({ path: [section, name], part: 'key' as const, message: 'is used by no service' }));
  });
}

/** Names of services that another service asks the address of. */
export function addressedServices(references: readonly Reference[]): Set<string> {
  return new Set(references.map(({ service }) => service));
}

function checkName(tree: unknown): Finding[] {
  const name = valueAt(tree, ['name']);
  // A name whose interpolation failed is reported as that.
  if (typeof name !== 'string' || name === '' || name.includes('${') || isSpinId(name)) return [];
  const near = slug(name);
  return [
    {
      path: ['name'],
      message: `${JSON.stringify(name)} is not a spin ID: use 1 to 63 of a-z, 0-9 and -, starting and ending with a letter or digit`,
      value: name,
      ...(near === '' ? {} : { suggestion: `write ${near}; of an interpolated part, |slug makes one` }),
    },
  ];
}

function checkKeep(tree: unknown): Finding[] {
  const keep = valueAt(tree, ['tags', KEEP_TAG]);
  if (typeof keep !== 'string' || keep.includes('${') || keepUntil(keep) !== undefined) return [];
  return [
    {
      path: ['tags', KEEP_TAG],
      message: `must be a date, not ${JSON.stringify(keep)}`,
      value: keep,
      suggestion: 'write YYYY-MM-DD: gc keeps the spin until the end of that day',
    },
  ];
}

function checkSources(tree: unknown): Finding[] {
  const one = (section: string, words: readonly string[], least: number) =>
    Object.entries(mapAt(tree, [section])).flatMap(([name, source]) =>
      isTreeMap(source) ? exclusive([section, name], source, words, least) : [],
    );
  return [
    ...one('secrets', ['generate', 'env', 'file', 'command'], 1),
    ...one('volumes', ['folder', 'archive', 'snapshot'], 0),
    ...one('databases', ['snapshot', 'replicaOf'], 1),
    ...Object.entries(mapAt(tree, ['secrets'])).flatMap(([name, source]) =>
      isTreeMap(source) && 'timeout' in source && !('command' in source)
        ? [{ path: ['secrets', name, 'timeout'], part: 'key' as const, message: 'belongs to command, which is not there' }]
        : [],
    ),
  ];
}

/** Services and databases are both needed by name. */
function checkDatabaseNames(tree: unknown): Finding[] {
  const services = mapAt(tree, ['services']);
  return Object.keys(mapAt(tree, ['databases']))
    .filter((name) => Object.hasOwn(services, name))
    .map((name) => ({
      path: ['databases', name],
      part: 'key' as const,
      message: `${name} is a service too`,
      suggestion: 'give one of them another name',
    }));
}

function checkNeeds(tree: unknown, references: readonly Reference[]): Finding[] {
  const services = Object.keys(mapAt(tree, ['services']));
  const known = [...services, ...Object.keys(mapAt(tree, ['databases']))];
  const names = new Set(known);
  const edges = new Map<string, { readonly to: string; readonly path: Path; readonly raw?: string }[]>();
  const findings: Finding[] = [];
  const add = (from: string, edge: { readonly to: string; readonly path: Path; readonly raw?: string }) => {
    const shown = edge.raw === undefined ? {} : { snippet: edge.raw };
    if (edge.to === from) {
      const message = edge.raw === undefined ? `service ${from} needs itself` : `${edge.raw} asks service ${from} for its own address`;
      findings.push({
        path: edge.path,
        message,
        value: edge.to,
        suggestion: edge.raw === undefined ? 'leave it out' : 'its port is in $PORT',
        ...shown,
      });
    } else if (!names.has(edge.to)) {
      const near = findings.length < MOST_SUGGESTED ? didYouMean(edge.to, known) : undefined;
      const message =
        edge.raw === undefined
          ? `there is no service ${JSON.stringify(edge.to)}`
          : `${edge.raw}: there is no service ${JSON.stringify(edge.to)}`;
      findings.push({
        path: edge.path,
        message,
        value: edge.to,
        suggestion: near ?? `services are: ${known.slice(0, MOST_SUGGESTED).join(', ')}`,
        ...shown,
      });
    } else {
      const others = edges.get(from);
      if (others === undefined) edges.set(from, [edge]);
      else others.push(edge);
    }
  };

  for (const name of services) {
    for (const [index, need] of listAt(tree, ['services', name, 'needs']).entries()) {
      if (typeof need === 'string') add(name, { to: need, path: ['services', name, 'needs', index] });
    }
  }
  for (const { path, service, raw } of references) {
    const from = path[0] === 'services' ? String(path[1]) : undefined;
    if (from !== undefined) add(from, { to: service, path, raw });
    else if (!names.has(service)) add('', { to: service, path, raw });
  }
  return [...findings, ...cycles(known, edges)];
}

/** Each cycle once, named in full. */
function cycles(known: readonly string[], edges: ReadonlyMap<string, readonly { readonly to: string; readonly path: Path }[]>): Finding[] {
  const findings: Finding[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (name: string) => {
    trail.push(name);
    for (const { to, path } of edges.get(name) ?? []) {
      const start = trail.indexOf(to);
      if (start !== -1) {
        const cycle = [...trail.slice(start), to].join(' -> ');
        if (findings.length < MOST_SUGGESTED && !findings.some(({ value }) => value === cycle))
          findings.push({ path, message: `closes a cycle: ${cycle}`, value: cycle });
      } else if (!done.has(to)) {
        visit(to);
      }
    }
    trail.pop();
    done.add(name);
  };
  for (const name of known) if (!done.has(name)) visit(name);
  return findings;
}

interface Use {
  readonly name: string;
  readonly path: Path;
  readonly part: 'key' | 'value';
}

function usesOf(tree: unknown, service: string, section: 'secrets' | 'volumes'): Use[] {
  const path = ['services', service, section];
  const uses = valueAt(tree, path);
  if (isTreeMap(uses)) return Object.keys(uses).map((name) => ({ name, path: [...path, name], part: 'key' }));
  return listAt(tree, path).flatMap((name, index) =>
    typeof name === 'string' ? [{ name, path: [...path, index], part: 'value' as const }] : [],
  );
}

function checkUses(tree: unknown, section: 'secrets' | 'volumes'): Finding[] {
  const known = Object.keys(mapAt(tree, [section]));
  const names = new Set(known);
  let suggested = 0;
  return Object.keys(mapAt(tree, ['services'])).flatMap((service) => {
    const uses = usesOf(tree, service, section);
    const seen = new Set<string>();
    return uses.flatMap(({ name, path, part }): Finding[] => {
      if (!names.has(name)) {
        const what = section.slice(0, -1);
        const suggestion =
          (suggested++ < MOST_SUGGESTED ? didYouMean(name, known) : undefined) ??
          `declare it at the top: ${section}: { ${name}: ${section === 'volumes' ? '{}' : '{ generate: 32 }'} }`;
        return [{ path, part, message: `there is no ${what} ${JSON.stringify(name)}`, value: name, suggestion }];
      }
      if (seen.has(name)) return [{ path, part, message: `${name} is named twice`, value: name }];
      seen.add(name);
      return [];
    });
  });
}

function checkService(name: string, service: Record<string, unknown>, references: readonly Reference[]): Finding[] {
  const at = (...rest: (string | number)[]): Path => ['services', name, ...rest];
  const findings: Finding[] = [];
  const { health, port, expose, job } = service;
  const isJob = job === true || job === 'true';

  if (isTreeMap(health)) {
    findings.push(...exclusive(at('health'), health, ['http', 'tcp', 'command', 'alive'], 0));
    if ('status' in health && !('http' in health))
      findings.push({ path: at('health', 'status'), part: 'key', message: 'belongs to http, which is not there' });
    if (health['tcp'] === false)
      findings.push({
        path: at('health', 'tcp'),
        message: 'can only be true',
        suggestion: 'write alive: 1s for a service that listens on nothing',
      });
  }
  if (isTreeMap(service['secrets'])) {
    for (const [secret, use] of Object.entries(service['secrets'])) {
      if (isTreeMap(use)) findings.push(...exclusive(at('secrets', secret), use, ['env', 'file'], 1));
    }
  }
  if (typeof port === 'number' && numberAt(service, 'replicas') > 1) {
    findings.push({
      path: at('port'),
      message: `port ${port} is fixed, and ${numberAt(service, 'replicas')} replicas cannot share it`,
      value: port,
      suggestion: 'write port: auto',
    });
  }
  if (port === 'none') {
    const wants =
      expose !== undefined
        ? 'it is exposed'
        : isTreeMap(health) && ('http' in health || 'tcp' in health)
          ? 'its health check asks a port'
          : undefined;
    if (wants !== undefined)
      findings.push({ path: at('port'), message: `is none, but ${wants}`, value: port, suggestion: 'write port: auto' });
  }
  for (const { path, service: asked, raw } of references) {
    if (asked === name && port === 'none')
      findings.push({
        path,
        message: `${raw}: service ${name} listens on no port`,
        snippet: raw,
        suggestion: `give services.${name} port: auto`,
      });
    if (asked === name && isJob) findings.push({ path, message: `${raw}: ${name} is a job, which has no address`, snippet: raw });
  }
  if (isJob) {
    if (expose !== undefined)
      findings.push({ path: at('expose'), part: 'key', message: 'cannot go with job: a job ends and serves nothing' });
    if (health !== undefined)
      findings.push({ path: at('health'), part: 'key', message: 'cannot go with job: a job is ready when it ended with 0' });
    const policy = isTreeMap(service['restart']) ? service['restart']['policy'] : service['restart'];
    if (policy === 'always')
      findings.push({
        path: at('restart'),
        message: 'always cannot go with job: it would never end',
        suggestion: 'write on-failure or never',
      });
  }
  return findings;
}

function checkPorts(tree: unknown): Finding[] {
  const taken: { readonly port: number; readonly what: string }[] = [];
  const findings: Finding[] = [];
  const claim = (port: number, what: string, path: Path) => {
    const other = taken.find((claimed) => claimed.port === port);
    if (other === undefined) taken.push({ port, what });
    else findings.push({ path, message: `port ${port} is ${other.what} already`, value: port, suggestion: 'write auto, or another port' });
  };
  for (const [name, service] of Object.entries(mapAt(tree, ['services']))) {
    if (!isTreeMap(service)) continue;
    const { port, expose } = service;
    if (typeof port === 'number') claim(port, `the port of services.${name}`, ['services', name, 'port']);
    const routed = isTreeMap(expose) ? expose['port'] : expose;
    if (typeof routed === 'number')
      claim(
        routed,
        `the router's port of services.${name}`,
        isTreeMap(expose) ? ['services', name, 'expose', 'port'] : ['services', name, 'expose'],
      );
  }
  return findings;
}

/** At least `least` and at most one of `words`. */
function exclusive(path: Path, map: Record<string, unknown>, words: readonly string[], least: number): Finding[] {
  const present = words.filter((word) => map[word] !== undefined);
  if (present.length > 1) {
    return present
      .slice(1)
      .map((word) => ({ path: [...path, word], part: 'key', message: `cannot stand beside ${present[0]}: one of ${words.join(', ')}` }));
  }
  // A key that is nearly one of the words is reported as unknown, with the word as suggestion.
  if (present.length < least && Object.keys(map).every((key) => words.includes(key) || key === 'timeout')) {
    return [{ path, message: `is missing one of ${words.join(', ')}` }];
  }
  return [];
}

function mapAt(tree: unknown, path: Path): Record<string, unknown> {
  const value = valueAt(tree, path);
  return isTreeMap(value) ? value : {};
}

function listAt(tree: unknown, path: Path): readonly unknown[] {
  const value = valueAt(tree, path);
  return Array.isArray(value) ? value : [];
}

function numberAt(map: Record<string, unknown>, key: string): number {
  const value = Number(map[key] ?? 1);
  return Number.isFinite(value) ? value : 1;
}
