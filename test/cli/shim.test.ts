import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAst } from 'rolldown/parseAst';
import { describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };

const SHIM = join(import.meta.dirname, '../../bin/spin.js');

function runUnder(version: string) {
  const script = `Object.defineProperty(process, 'versions', { value: { node: '${version}' } }); process.env.HOME = ''; require(process.argv[1]);`;
  return spawnSync(process.execPath, ['-e', script, SHIM], { encoding: 'utf8', input: '' });
}

describe('bin/spin.js', () => {
  it.each(['0.10.48', '20.20.2', '22.18.0', '23.11.0'])('says in one line that Node %s is too old', (version) => {
    const { status, stdout, stderr } = runUnder(version);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toBe(`spin needs Node 22.19 or later (not 23); this is v${version}\n`);
  });

  it('goes by what package.json asks for', () => {
    expect(manifest.engines.node).toBe('^22.19.0 || >=24.0.0');
  });

  it('has nothing in it that an old Node cannot read', () => {
    const text = readFileSync(SHIM, 'utf8').replace(/^#!.*/, '');
    const types = JSON.stringify(parseAst(text, { lang: 'js', sourceType: 'script' }));
    expect(types).not.toMatch(
      /ArrowFunction|TemplateLiteral|ChainExpression|ImportDeclaration|SpreadElement|"kind":"(const|let)"|"operator":"(\?\?|\*\*)"/,
    );
  });

  it.skipIf(!existsSync('/usr/bin/node'))('runs under the Node of this machine, whatever that is', () => {
    const version = execFileSync('/usr/bin/node', ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim();
    const [major = 0, minor = 0] = version.split('.').map(Number);
    const old = major < 22 || (major === 22 && minor < 19) || major === 23;
    const { status, stdout, stderr } = spawnSync('/usr/bin/node', [SHIM, '--version'], { encoding: 'utf8' });
    if (old) expect([status, stdout, stderr]).toEqual([2, '', `spin needs Node 22.19 or later (not 23); this is v${version}\n`]);
    else expect([status, stdout]).toEqual([0, `${manifest.version}\n`]);
  });
});
