import { describe, expect, it } from 'vitest';
import { GIT, linesOf, load, withService } from './spec-texts.ts';

async function envOf(value: string, env: Record<string, string> = {}): Promise<string | undefined> {
  const { spec } = await load(withService('run: x', `env: { V: ${JSON.stringify(value)} }`), { env });
  return spec.services['web']?.env['V'];
}

describe('interpolation', () => {
  it.each([
    ['${env.A}', 'one'],
    ['<${env.A}-${env.B}>', '<one-two words>'],
    ['${env.NONE:-fallback}', 'fallback'],
    ['${env.NONE:-}', ''],
    ['${env.EMPTY:-fallback}', 'fallback'],
    ['${env.EMPTY}', ''],
    ['${env.B|slug}', 'two-words'],
    ['${env.NONE|slug:-As It Is}', 'As It Is'],
    ['${git.branch|slug}', 'feature-login'],
    ['${git.short}', 'aaaaaaa'],
    ['$${env.A} $HOME $(date) $$', '${env.A} $HOME $(date) $$'],
    ['$$${env.A}', '$${env.A}'],
    ['${env.REFERENCE}', '${env.A}'],
  ])('makes of %s %j', async (text, expected) => {
    expect(await envOf(text, { A: 'one', B: 'two words', EMPTY: '', REFERENCE: '${env.A}' })).toBe(expected);
  });

  it('keeps addresses for later, and escapes what only looks like one', async () => {
    const { spec } = await load(
      `name: a\nttl: 1h\nservices:\n  db: { run: x }\n  web:\n    run: x\n    env:\n      REAL: \${ services.db.address }\n      PLAIN: $\${services.db.address}\n      OUTSIDE: \${env.X}\n`,
      { env: { X: '${services.db.address}' } },
    );
    expect(spec.services['web']?.env).toEqual({
      REAL: '${services.db.address}',
      PLAIN: '$${services.db.address}',
      OUTSIDE: '$${services.db.address}',
    });
  });

  it('makes numbers and flags too', async () => {
    const { spec } = await load(withService('run: x', 'replicas: ${env.N:-3}', 'spot: ${env.SPOT}'), { env: { SPOT: 'true' } });
    expect(spec.services['web']).toMatchObject({ replicas: 3, cloud: { spot: true } });
  });

  it('quotes values in a shell string, and only there', async () => {
    const { spec } = await load(withService('run: echo ${env.X} "${env.X}"', 'bootstrap: [[echo, "${env.X}"]]'), {
      env: { X: "a; rm -rf '$(y)'" },
    });
    expect(spec.services['web']?.run).toBe(`echo 'a; rm -rf '\\''$(y)'\\''' "a; rm -rf '\\$(y)'"`);
    expect(spec.services['web']?.bootstrap[0]?.run).toEqual(['echo', "a; rm -rf '$(y)'"]);
  });

  it('asks git only where a git fact is used', async () => {
    let asked = 0;
    const git = () => {
      asked++;
      return Promise.resolve(GIT);
    };
    await load(withService('run: x'), { git });
    expect(asked).toBe(0);
    await load(withService('run: "x ${git.short} ${git.repo}"'), { git });
    expect(asked).toBe(1);
  });

  it.each([
    [
      'run: "x ${env.TOKN}"',
      '5:13',
      /\$\{env\.TOKN\} is not set in the environment; did you mean "TOKEN"\? Or set it .* give a default: \$\{env\.TOKN:-value\}/,
    ],
    ['run: "x ${PORT}"', '5:13', /write \$\{env\.PORT\} for spin's environment, or \$\$\{PORT\} for the shell/],
    ['run: "x ${evn.TOKEN}"', '5:13', /did you mean "env"\?/],
    ['run: "x ${git.brnch}"', '5:13', /did you mean "branch"\?/],
    ['run: "x ${git.tag}"', '5:13', /has no value: this commit has no tag; give a default: \$\{git\.tag:-value\}/],
    ['run: "x ${git.branch|slugg}"', '5:13', /did you mean "slug"\?/],
    ['run: "x ${services.db.adress}"', '5:13', /did you mean "address"\?/],
    ['run: "x ${services.nope.port}"', '5:13', /there is no service "nope"/],
    ['run: "x ${services.web.port}"', '5:13', /its port is in \$PORT/],
    ['run: "x ${env.A"', '5:13', /is not closed/],
    ['run: "x ${env.A:-${env.B}}"', '5:13', /cannot be read/],
    ['run: "x $(echo ${env.EVIL})"', '5:20', /no quoting is sure to hold/],
  ])('says of %s what to write', async (line, place, expected) => {
    const lines = await linesOf(withService(line), { env: { TOKEN: 't', EVIL: '; rm' } });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(expected);
    expect(lines[0]?.split(' ')[0]).toBe(place);
  });

  it('keeps addresses out of what is needed before any address is known', async () => {
    expect(await linesOf(withService('run: x', 'dir: ${services.db.host}'))).toEqual([
      '6:10 services.web.dir: ${services.db.host} cannot stand here; addresses are known only in run, env, bootstrap, health commands and hooks',
    ]);
  });

  it('suggests a slug for a name that is no spin ID', async () => {
    expect(await linesOf('name: ${git.branch}\nttl: 1h\nservices: { web: { run: x } }')).toEqual([
      '1:7 name: "feature/Login" is not a spin ID: use 1 to 63 of a-z, 0-9 and -, starting and ending with a letter or digit; write feature-login; of an interpolated part, |slug makes one',
    ]);
  });
});
