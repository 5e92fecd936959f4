import { describe, expect, it } from 'vitest';
import { SpinError } from '../../src/core/errors.ts';
import { linesOf, load, problemsOf, withService } from './spec-texts.ts';

describe('a spec that is in order', () => {
  it('gets every default', async () => {
    const { spec, id, warnings } = await load(withService('run: node server.js'));
    expect(id).toBe('demo');
    expect(warnings).toEqual([]);
    expect(spec).toEqual({
      name: 'demo',
      provider: 'local',
      ttlMs: 3_600_000,
      owner: 'ada',
      tags: {},
      budget: {},
      secrets: {},
      volumes: {},
      databases: {},
      baseDir: '/work',
      services: {
        web: {
          name: 'web',
          run: 'node server.js',
          job: false,
          replicas: 1,
          dir: '/work',
          port: 'none',
          needs: [],
          env: {},
          secrets: [],
          volumes: [],
          bootstrap: [],
          health: {
            probe: { type: 'alive', forMs: 500 },
            intervalMs: 1_000,
            timeoutMs: 1_000,
            healthyAfter: 1,
            unhealthyAfter: 3,
            deadlineMs: 60_000,
          },
          restart: { policy: 'always', max: 5, windowMs: 60_000 },
          drain: { signal: 'SIGTERM', timeoutMs: 10_000 },
          cloud: { instanceTypes: [], spot: false, address: 'private' },
        },
      },
    });
  });

  it('keeps all that it says', async () => {
    const { spec } = await load(`
name: full
provider: aws
ttl: 1h30m
owner: grace
tags: { team: core, keep: 2026-12-24 }
budget: { perHour: 0.5, total: 2 }
secrets:
  made: { generate: 16 }
  given: { env: TOKEN }
  read: { file: secrets/key }
  asked: { command: [pass, show, key], timeout: 5s }
volumes:
  empty:
  copy: { folder: seed }
  snap: { archive: /snapshots/db.tar.gz }
evacuate: { run: ./save.sh, timeout: 2m }
services:
  db:
    run: [db, --port, 5432]
    dir: db
    port: 5432
    env: { VERSION: 1.10, DEBUG: true, EMPTY: '' }
    secrets: { made: { file: KEY_FILE }, given: { env: API_TOKEN } }
    volumes: { snap: DATA }
    bootstrap: [./migrate.sh, { name: seed, run: [./seed.sh], timeout: 10s }, [./a, b]]
    health: { command: pg_isready, interval: 2s, timeout: 500ms, healthyAfter: 2, unhealthyAfter: 5, deadline: 3m }
    restart: { policy: on-failure, max: 9, window: 5m }
    drain: { signal: SIGINT, timeout: 30s, hook: ./flush.sh }
    cpu: 0.5
    memory: 512MiB
    instanceTypes: [m7i.large, m7g.large]
    image: ami-1
    spot: true
  web:
    run: node web.js
    needs: [db]
    secrets: [made, read, asked]
    volumes: [empty, copy]
    health: { http: /healthz, status: 204 }
    expose: { port: 8080, host: 0.0.0.0 }
  once: { run: ./load.sh, job: true }
`);
    expect(spec).toMatchObject({
      provider: 'aws',
      ttlMs: 5_400_000,
      owner: 'grace',
      tags: { team: 'core', keep: '2026-12-24' },
      budget: { perHour: 500_000_000, total: 2_000_000_000 },
      secrets: {
        made: { from: 'generate', length: 16 },
        given: { from: 'env', variable: 'TOKEN' },
        read: { from: 'file', path: '/work/secrets/key' },
        asked: { from: 'command', command: ['pass', 'show', 'key'], timeoutMs: 5_000 },
      },
      volumes: {
        empty: { from: 'empty' },
        copy: { from: 'folder', path: '/work/seed' },
        snap: { from: 'archive', path: '/snapshots/db.tar.gz' },
      },
      evacuate: { run: './save.sh', timeoutMs: 120_000 },
    });
    expect(spec.services['db']).toMatchObject({
      run: ['db', '--port', '5432'],
      dir: '/work/db',
      port: 5432,
      env: { VERSION: '1.10', DEBUG: 'true', EMPTY: '' },
      secrets: [
        { secret: 'made', as: 'file', variable: 'KEY_FILE' },
        { secret: 'given', as: 'env', variable: 'API_TOKEN' },
      ],
      volumes: [{ volume: 'snap', variable: 'DATA' }],
      bootstrap: [
        { name: '1', run: './migrate.sh', timeoutMs: 300_000 },
        { name: 'seed', run: ['./seed.sh'], timeoutMs: 10_000 },
        { name: '3', run: ['./a', 'b'], timeoutMs: 300_000 },
      ],
      health: {
        probe: { type: 'command', run: 'pg_isready' },
        intervalMs: 2_000,
        timeoutMs: 500,
        healthyAfter: 2,
        unhealthyAfter: 5,
        deadlineMs: 180_000,
      },
      restart: { policy: 'on-failure', max: 9, windowMs: 300_000 },
      drain: { signal: 'SIGINT', timeoutMs: 30_000, hook: { run: './flush.sh', timeoutMs: 10_000 } },
      cpu: 0.5,
      memory: 536_870_912,
      cloud: { instanceTypes: ['m7i.large', 'm7g.large'], image: 'ami-1', spot: true },
    });
    expect(spec.services['web']).toMatchObject({
      port: 'auto',
      needs: ['db'],
      secrets: [
        { secret: 'made', as: 'env', variable: 'MADE' },
        { secret: 'read', as: 'env', variable: 'READ' },
        { secret: 'asked', as: 'env', variable: 'ASKED' },
      ],
      volumes: [
        { volume: 'empty', variable: 'EMPTY_DIR' },
        { volume: 'copy', variable: 'COPY_DIR' },
      ],
      health: { probe: { type: 'http', path: '/healthz', status: 204 } },
      expose: { port: 8080, host: '0.0.0.0' },
    });
    expect(spec.services['once']).toMatchObject({ job: true, port: 'none', restart: { policy: 'never' } });
  });

  it('gives a port to a service that is exposed, is asked over http or tcp, or whose address another uses', async () => {
    const { spec } = await load(`
name: ports
ttl: 1h
services:
  exposed: { run: x, expose: auto }
  tcp: { run: x, health: { tcp: true } }
  asked: { run: x }
  asker: { run: 'x \${services.asked.port}' }
`);
    expect(Object.fromEntries(Object.entries(spec.services).map(([name, { port, health }]) => [name, [port, health.probe.type]]))).toEqual({
      exposed: ['auto', 'tcp'],
      tcp: ['auto', 'tcp'],
      asked: ['auto', 'tcp'],
      asker: ['none', 'alive'],
    });
    expect(spec.services['asker']?.needs).toEqual(['asked']);
  });

  it('warns of a secret that no service uses', async () => {
    const { warnings } = await load(`secrets: { key: { generate: 32 } }\n${withService('run: x')}`);
    expect(warnings).toMatchObject([{ line: 1, column: 12, path: 'secrets.key', message: 'is used by no service' }]);
  });
});

it('lists the first problems of many, and carries all', async () => {
  const env = Array.from({ length: 60 }, (_, n) => `K${n}: [x]`).join(', ');
  const thrown: unknown = await load(withService('run: x', `env: { ${env} }`)).catch((error: unknown) => error);
  expect(thrown).toMatchObject({ code: 'spec-invalid', data: { problems: { length: 60 } } });
  const lines = String(thrown).split('\n');
  expect(lines).toHaveLength(52);
  expect(lines[0]).toContain('60 problems');
  expect(lines.at(-1)).toBe('  and 10 more');
});

describe('precedence', () => {
  const text = `tags: { a: spec, b: spec }\nowner: spec\n${withService('run: x')}`;

  it('is override, spec, default', async () => {
    const { spec, id } = await load(text, {
      defaults: { provider: 'far', owner: 'config', tags: { b: 'config', c: 'config' }, ttlMs: { value: 1_000, where: 'config' } },
      overrides: { id: 'other', tags: { a: 'flag' }, ttlMs: { value: 7_000, where: '--ttl' } },
    });
    expect(id).toBe('other');
    expect(spec).toMatchObject({ provider: 'far', owner: 'spec', ttlMs: 7_000, tags: { a: 'flag', b: 'spec', c: 'config' } });
  });

  it('takes the ttl of the config where the spec has none', async () => {
    const { spec } = await load('name: a\nservices: { web: { run: x } }', {
      defaults: { provider: 'local', owner: 'ada', tags: {}, ttlMs: { value: 5_000, where: 'spin.config.yaml:1:1' } },
    });
    expect(spec.ttlMs).toBe(5_000);
  });

  it('refuses a ttl above the maximum, naming both places', async () => {
    const loading = load(withService('run: x'), {
      defaults: { provider: 'local', owner: 'ada', tags: {}, maxTtlMs: { value: 60_000, where: 'spin.config.yaml:4:11' } },
    });
    await expect(loading).rejects.toMatchObject({ code: 'limit-exceeded', exit: 5 });
    await expect(loading).rejects.toThrow(/\(spin\.yaml:2:6\).*\(spin\.config\.yaml:4:11\)/);
  });

  it.each([
    ['overrides', '--ttl', 9_999_999 * 86_400_000, '--ttl: 9999999d is too long', 'write 365d or less'],
    ['overrides', '--ttl', 999, '--ttl: 999ms is too short', 'write 1s or more'],
    ['defaults', 'spin.config.yaml:2:6', 366 * 86_400_000, 'spin.config.yaml:2:6: 366d is too long', 'write 365d or less'],
  ] as const)('holds a ttl of the %s, from %s, to what a spec may say', async (from, where, value, message, hint) => {
    const given = { ttlMs: { value, where } };
    const input = from === 'overrides' ? { overrides: given } : { defaults: { provider: 'local', owner: 'ada', tags: {}, ...given } };
    await expect(load(withService('run: x'), input)).rejects.toMatchObject({ code: 'usage', exit: 2, message, hint });
  });

  it('refuses an ID that could leave its folder', async () => {
    await expect(load(withService('run: x'), { overrides: { id: '../etc' } })).rejects.toMatchObject({ code: 'id-invalid' });
  });
});

describe('problems', () => {
  it('are all reported at once, in reading order, with file, line and column', async () => {
    const text = `nmae: demo
ttl: 8
services:
  web:
    run: node web.js
    replicas: two
    needs: [bd]
    health: { htp: /x }
  db:
    run: []
    restart: allways
    memory: 512M
`;
    const error = await load(text).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SpinError);
    expect(String(error)).toContain('spin.yaml:6:15: services.web.replicas: must be a whole number from 1 to 1000, not "two"');
    expect(await linesOf(text)).toEqual([
      '1:1 name: is missing: must be text',
      '1:1 nmae: is not a key of a spec; did you mean "name"?',
      '2:6 ttl: 8 has no unit; write 8s, 8m or 8h',
      '6:15 services.web.replicas: must be a whole number from 1 to 1000, not "two"',
      '7:13 services.web.needs[0]: there is no service "bd"; did you mean "db"?',
      '8:15 services.web.health.htp: is not a key of services.web.health; did you mean "http"?',
      '10:10 services.db.run: must name a program first',
      '11:14 services.db.restart: must be one of always, on-failure, never, not "allways"; did you mean "always"?',
      '12:13 services.db.memory: must be a size such as 512MiB or 2GB, not "512M"; write 512MiB',
    ]);
  });

  it('tell what to write where there is no deadline', async () => {
    expect(await linesOf('name: a\nservices: { web: { run: x } }')).toEqual([
      '1:1 ttl: is missing: every spin has a deadline; write ttl: 8h',
    ]);
  });

  it('say that an empty document is empty', async () => {
    expect(await linesOf('# nothing yet\n')).toEqual(['1:1 : the document is empty']);
  });

  it('carry the offending value', async () => {
    expect(await problemsOf(withService('run: x', 'replicas: 0'))).toEqual([
      {
        file: 'spin.yaml',
        line: 6,
        column: 15,
        path: 'services.web.replicas',
        message: 'must be a whole number from 1 to 1000, not 0',
        value: 0,
      },
    ]);
  });

  it.each([
    [
      'a cycle, in full',
      'a: { run: x, needs: [b] }\n  b: { run: x, needs: [c] }\n  c: { run: "x ${services.a.host}" }',
      /closes a cycle: a -> b -> c -> a/,
    ],
    ['a service that needs itself', 'a: { run: x, needs: [a] }', /service a needs itself/],
    [
      'one router port twice',
      'a: { run: x, expose: 8080 }\n  b: { run: x, expose: { port: 8080 } }',
      /port 8080 is the router's port of services\.a already/,
    ],
    [
      'a fixed port with replicas',
      'a: { run: x, port: 80, replicas: 2 }',
      /port 80 is fixed, and 2 replicas cannot share it; write port: auto/,
    ],
    ['two probes', 'a: { run: x, health: { http: /, tcp: true } }', /cannot stand beside http/],
    ['an exposed service without a port', 'a: { run: x, port: none, expose: auto }', /is none, but it is exposed/],
    ['an unknown volume', 'a: { run: x, volumes: [data] }', /there is no volume "data"; declare it at the top: volumes: \{ data: \{\} \}/],
    ['a job that is exposed', 'a: { run: x, job: true, expose: auto }', /cannot go with job/],
    ['a bad variable name', 'a: { run: x, env: { 1X: y } }', /is not the name of an environment variable/],
    ['a variable without a value', 'a: { run: x, env: { X: } }', /write '' for an empty value/],
    ['a bad service name', 'A_b: { run: x }', /is not a name/],
    ['a home folder that only a shell knows', 'a: { run: x, dir: ~/src }', /write \$\{env\.HOME\}\/src/],
    [
      'an address of a service without a port',
      'a: { run: x, port: none }\n  b: { run: "x ${services.a.port}" }',
      /service a listens on no port/,
    ],
    ['the address of a job', 'a: { run: x, job: true }\n  b: { run: "x ${services.a.port}" }', /a is a job, which has no address/],
    ['a service that is nothing', 'a:', /services\.a: is missing: must be a map/],
    ['a spec without services', '{}', /is empty: a spin has at least one service/],
  ])('name %s', async (_what, services, expected) => {
    const lines = await linesOf(`name: demo\nttl: 1h\nservices:\n  ${services}\n`);
    expect(lines.join('\n')).toMatch(expected);
    expect(lines).toHaveLength(1);
  });

  it.each([
    ['secrets: { a: {} }', /secrets\.a: is missing one of generate, env, file, command/],
    ['secrets: { a: { env: X, file: y } }', /secrets\.a\.file: cannot stand beside env/],
    ['volumes: { a: { folder: x, archive: y } }', /volumes\.a\.archive: cannot stand beside folder/],
    ['budget: { perHour: $2 }', /must be an amount in USD, such as 2\.50, not "\$2"; write 2/],
    ['tags: { keep: tomorrow }', /must be a date, not "tomorrow"; write YYYY-MM-DD/],
    ['tags: { spin:id: x }', /spin: is taken/],
    ['provider: AWS', /write aws/],
  ])('name what is wrong with %s', async (line, expected) => {
    expect((await linesOf(`${line}\n${withService('run: x', 'secrets: []')}`)).join('\n')).toMatch(expected);
  });
});
