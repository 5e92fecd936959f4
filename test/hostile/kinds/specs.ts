import { readdirSync, readFileSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { canonicalJson, isSpinId } from '../../../src/core/ids.ts';
import { buildPlan } from '../../../src/plan/build.ts';
import { RESOURCE_KINDS } from '../../../src/plan/plan.ts';
import { loadSpec, type LoadedSpec } from '../../../src/spec/load.ts';
import type { Spec } from '../../../src/spec/spec.ts';
import { decodeRecord, encodeRecord } from '../../../src/store/record-file.ts';
import { GIT } from '../../spec/spec-texts.ts';
import { sampleRecord } from '../../store/samples.ts';
import type { Dice } from '../dice.ts';
import { demand, type Kind } from '../kind.ts';
import { mutateText, mutateTree } from '../mutate.ts';
import { nastyText } from '../nasty.ts';

const TEMPLATES = join(import.meta.dirname, '../../../templates');

/** A spec that says everything that a spec can say. */
const WHOLE = `
name: shop-\${env.PR:-1}
provider: local
region: eu-central-1
ttl: 4h30m
owner: ada
tags: { team: shop, build: 1.10, keep: 2026-12-24 }
budget: { perHour: 1.50, total: 20 }
secrets:
  made: { generate: 32 }
  typed: { env: TYPED }
  filed: { file: ./secret.txt }
  said: { command: [pass, show, shop], timeout: 5s }
volumes:
  data: { archive: seed.tar.gz }
  work:
  copy: { folder: ./data }
databases:
  orders: { snapshot: last-night, class: db.t4g.micro }
evacuate: { run: 'curl \${services.web.url}/dump', timeout: 30s }
services:
  db: &db
    run: [node, db.cjs, 5]
    secrets: [made]
    volumes: [data]
    port: auto
    health: { tcp: true, interval: 100ms, deadline: 2m }
    restart: { policy: always, max: 3, window: 1m }
  migrate:
    run: node migrate.cjs "\${env.HOSTILE:-x}" '\${git.branch}' \${services.db.address}
    job: true
    needs: [orders]
    env: { DB: '\${services.db.address}', DEBUG: true, LEVEL: 010 }
  web:
    run: npm run serve
    dir: ./web
    replicas: 2
    needs: [migrate]
    secrets: { typed: { env: TOKEN }, filed: { file: CERT } }
    volumes: { work: WORK_DIR }
    bootstrap:
      - npm ci
      - { name: 'build it', run: [make, all], timeout: 10m }
    health: { http: /healthz, status: 204 }
    drain: { signal: SIGINT, timeout: 20s, hook: { run: ./drain.sh, timeout: 5s } }
    expose: { port: 8080, host: 127.0.0.1 }
    cpu: 0.5
    memory: 512MiB
    instanceTypes: [t3.micro]
`;

const TEXTS: readonly string[] = [
  WHOLE,
  WHOLE,
  ...readdirSync(TEMPLATES, { recursive: true, encoding: 'utf8' })
    .filter((name) => basename(name) === 'spin.yaml')
    .map((name) => readFileSync(join(TEMPLATES, name), 'utf8')),
  'name: a\nttl: 1h\nservices: { web: { run: x } }\n',
];

const TREES: readonly unknown[] = TEXTS.map((text) => parse(text) as unknown);

/** Bytes, lines and indentation of YAML. */
export const specTexts: Kind = {
  name: 'spec-text',
  cases: 24_000,
  make(dice) {
    const text = mutateText(dice, dice.pick(TEXTS));
    const env = environment(dice);
    return { show: () => `${text}\n# HOSTILE=${JSON.stringify(env['HOSTILE'])}`, feed: () => check(text, env) };
  },
};

/** What YAML says, whatever it looks like. */
export const specTrees: Kind = {
  name: 'spec-tree',
  cases: 16_000,
  make(dice) {
    const tree = mutateTree(dice, dice.pick(TREES));
    const text = (dice.chance(0.5) ? JSON.stringify(tree) : yamlOf(tree)) ?? '';
    const env = environment(dice);
    return { show: () => `${text}\n# HOSTILE=${JSON.stringify(env['HOSTILE'])}`, feed: () => check(text, env) };
  },
};

/** The library refuses to write some of what it may have to read. */
function yamlOf(tree: unknown): string | undefined {
  try {
    return stringify(tree);
  } catch {
    return JSON.stringify(tree);
  }
}

function environment(dice: Dice): Readonly<Record<string, string>> {
  const hostile = nastyText(dice).replaceAll('\0', '');
  return { HOSTILE: hostile, PR: dice.chance(0.1) ? hostile : '42', TYPED: 'typed' };
}

async function check(text: string, env: Readonly<Record<string, string>>): Promise<void> {
  const loaded = await loadSpec({
    text,
    file: 'spin.yaml',
    baseDir: '/work',
    env,
    git: () => Promise.resolve({ ...GIT, branch: env['HOSTILE'] }),
    defaults: { provider: 'local', owner: 'ada', tags: {} },
    overrides: {},
  });
  checkLoaded(loaded);
}

const NAME = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

function checkLoaded({ spec, id }: LoadedSpec): void {
  demand(isSpinId(id), `the ID ${JSON.stringify(id)}`);
  for (const name of [...Object.keys(spec.services), ...Object.keys(spec.volumes), ...Object.keys(spec.databases)])
    demand(NAME.test(name), `the name ${JSON.stringify(name)}`);
  for (const name of Object.keys(spec.secrets)) demand(/^[A-Za-z][\w-]{0,63}$/.test(name), `the secret ${JSON.stringify(name)}`);
  for (const name of Object.keys(spec.tags)) demand(!name.startsWith('spin:'), `the tag ${JSON.stringify(name)}`);
  demand(spec.ttlMs >= 1_000 && spec.ttlMs <= 365 * 86_400_000, `the TTL ${spec.ttlMs}`);
  for (const service of Object.values(spec.services)) {
    demand(isAbsolute(service.dir), `the folder ${JSON.stringify(service.dir)}`);
    demand(Number.isInteger(service.replicas) && service.replicas >= 1 && service.replicas <= 1000, `${service.replicas} replicas`);
    for (const need of service.needs)
      demand(Object.hasOwn(spec.services, need) || Object.hasOwn(spec.databases, need), `the need ${JSON.stringify(need)}`);
    for (const use of service.secrets) demand(Object.hasOwn(spec.secrets, use.secret), `the use of ${JSON.stringify(use.secret)}`);
  }
  demand(noNul(spec), 'a NUL, which no argument and no variable can hold');
  checkPlan(spec);
  checkRecord(spec);
}

function noNul(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\0');
  return typeof value !== 'object' || value === null || Object.entries(value).every(([key, inner]) => noNul(key) && noNul(inner));
}

function checkPlan(spec: Spec): void {
  const { resources } = buildPlan(spec, { kinds: RESOURCE_KINDS, price: () => 0 });
  const seen = new Set<string>();
  for (const { address, needs } of resources) {
    for (const need of needs) demand(seen.has(need), `${address} before ${need}`);
    seen.add(address);
  }
}

/** What is written down is what was read. */
function checkRecord(spec: Spec): void {
  const record = sampleRecord({ spec, tags: spec.tags, owner: spec.owner });
  const stored = decodeRecord(encodeRecord({ record, lease: undefined, fence: 1 }, 'abc'), 'record', record.id);
  demand(canonicalJson(stored?.record.spec) === canonicalJson(spec), 'a spec that its own record does not give back');
}
