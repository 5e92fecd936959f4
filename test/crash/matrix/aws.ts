import type { StatusOutcome } from '../../../src/app/outcomes.ts';
import type { Folder } from './folder.ts';
import { good, ID, type Scenario, type World } from './ground.ts';

export const REGION = 'us-east-1';

const OLD = 'old: { run: "exec sleep 1000", port: none, health: { alive: 1ms } }';

/** What every stand-in for AWS can do: disks, firewalls, instances. Nobody connects to what it gives as an address. */
export function specWith(extra: { readonly secrets?: boolean } = {}): string {
  const [top, use] = extra.secrets === true ? ['secrets: { token: { generate: 24 } }', 'secrets: [token], '] : ['', ''];
  return `
name: ${ID}
provider: aws
region: ${REGION}
ttl: 1h
${top}
volumes: { data: { size: 1 } }
services:
  db: { run: "exec sleep 1000", port: none, volumes: [data], ${use}health: { alive: 1ms } }
  ${OLD}
  web: { run: "exec sleep 1000", port: auto, replicas: 3, needs: [db], expose: auto, health: { alive: 1ms }, env: { LEVEL: one } }
`;
}

/** Without a word of AWS in the config, a sweep that knows of no spin there does not look there. */
export const LOOKED_INTO = { SPIN_AWS_REGION: REGION } as const;

/** Commands on a spin in a cloud, from which no process stays behind. */
export function scenariosOf(spec: string): readonly Scenario[] {
  const changed = spec.replaceAll('LEVEL: one', 'LEVEL: two').replace(OLD, OLD.replace('old:', 'worker:'));
  const up = async ({ folder }: World): Promise<void> => {
    folder.spec(spec);
    good(await folder.run(['up']));
  };
  const same = { spec, upSpec: spec, others: [] };
  return [
    { ...same, name: 'up', prepare: async () => undefined, command: ['up'] },
    { ...same, name: 'change', prepare: up, command: ['up'], spec: changed, upSpec: changed },
    { ...same, name: 'extend', prepare: up, command: ['extend', ID, '--by', '1h'] },
    { ...same, name: 'down', prepare: up, command: ['down', ID, '--yes'] },
    {
      // Of a spin whose first up was killed.
      ...same,
      name: 'gc',
      prepare: async ({ folder }) => {
        folder.spec(spec);
        await folder.run(['up'], { who: 'up', what: 'link:record', nth: 12, how: 'kill-after' });
      },
      command: ['gc', '--yes', '--grace', '0s'],
    },
  ];
}

/** What `status` tells, without what differs between two runs. */
export async function statusOf(folder: Folder): Promise<object> {
  const { result } = JSON.parse(good(await folder.run(['status', ID, '--output', 'json'])).stdout) as { readonly result: StatusOutcome };
  return {
    state: result.state,
    resources: result.resources.map(({ address, status, observed }) => `${address} ${status} ${observed}`).toSorted(),
    endpoints: result.endpoints.length,
  };
}
