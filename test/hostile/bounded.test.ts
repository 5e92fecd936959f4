import { describe, expect, it } from 'vitest';
import { isSpinError } from '../../src/core/errors.ts';
import { buildPlan } from '../../src/plan/build.ts';
import { RESOURCE_KINDS } from '../../src/plan/plan.ts';
import { load } from '../spec/spec-texts.ts';
import { USUAL_CAP_MS } from './feeding.ts';

const many = (count: number, item: (n: number) => string, by = '\n') => Array.from({ length: count }, (_, n) => item(n)).join(by);
const long = 'a'.repeat(40);
const head = 'name: a\nttl: 1h\n';
const run = (text: string) => `${head}services: { web: { run: ${JSON.stringify(text)} } }\n`;

/** Specs within a mebibyte that are made to take long: each found to take minutes, or to exhaust the stack, before there was a limit. */
const BOMBS: Readonly<Record<string, string>> = {
  'a chain of services, each of which needs the one before': `${head}services:\n${many(9_000, (n) => `  s${n}: { run: x, needs: [s${n === 0 ? 1 : n - 1}] }`)}\n`,
  'as long a chain as there may be': `${head}services:\n${many(1_000, (n) => `  s${n}: { run: x${n === 0 ? '' : `, needs: [s${n - 1}]`} }`)}\n`,
  'services that all need each other': `${head}services:\n${many(200, (n) => `  s${n}: { run: x, needs: [${many(200, (m) => `s${m}`, ', ')}] }`)}\n`,
  'thousands of needs that are nearly names': `${head}services:\n  web: { run: x, needs: [${many(20_000, (n) => `${long.slice(6)}${n + 100_000}`, ', ')}] }\n${many(900, (n) => `  ${long.slice(4)}${n + 100}x: { run: x }`)}\n`,
  'thousands of secrets that are nearly names': `${head}secrets:\n${many(900, (n) => `  ${long}${n}: { generate: 8 }`)}\nservices: { web: { run: x, secrets: [${many(15_000, (n) => `${long}b${n}`, ', ')}] } }\n`,
  'two names of half a mebibyte that differ in one letter': `${head}secrets: { ${'a'.repeat(400_000)}: { generate: 8 } }\nservices: { web: { run: x, secrets: [${'a'.repeat(399_999)}b] } }\n`,
  'a command of variables': run('${env.BAD}'.repeat(80_000)),
  'a command of addresses': `${head}services: { db: { run: y, port: auto }, web: { run: "${'${services.db.host} '.repeat(40_000)}" } }\n`,
  'a command of what is not known': run(many(80_000, (n) => `\${x${n}}`, '')),
  'thousands of texts that are not known, escaped': `${head}services: { web: { run: x, needs: [${many(45_000, () => '"\\x24{x}"', ',')}] } }\n`,
  'texts that grow beyond the memory': `${head}services: { web: { run: x, env: { ${many(9_000, (n) => `V${n}: "${'${env.BIG}'.repeat(8)}"`, ', ')} } } }\n`,
  'an unclosed reference, again and again': run('${'.repeat(400_000)),
  'aliases of aliases': `a: &a [x,x,x,x,x,x,x,x,x]\n${many(12, (n) => `${String.fromCharCode(98 + n)}: &${String.fromCharCode(98 + n)} [${many(9, () => `*${String.fromCharCode(97 + n)}`, ',')}]`)}\n`,
  'brackets all the way down': '['.repeat(500_000),
  'maps all the way down': many(1_400, (n) => `${' '.repeat(n)}a:`),
  'dashes all the way down': '- '.repeat(250_000),
  'half a mebibyte of digits': `${head}budget: { total: ${'9'.repeat(500_000)} }\nservices: { web: { run: x } }\n`,
  'a duration of half a mebibyte': `name: a\nttl: ${'1'.repeat(500_000)}\nservices: { web: { run: x } }\n`,
  'a duration of many parts': `name: a\nttl: ${'1m'.repeat(250_000)}x\nservices: { web: { run: x } }\n`,
  'a name of half a mebibyte': `name: "${'-'.repeat(250_000)}${'é'.repeat(100_000)}"\nttl: 1h\nservices: { web: { run: x } }\n`,
  'fifty thousand unknown keys': `${head}services: { web: { run: x } }\n${many(49_000, (n) => `k${n}: 1`)}\n`,
  'spaces in a reference': run(`\${env.A${' '.repeat(500_000)}x}`),
  'filters without an end': run(`\${env.A${'|slug '.repeat(100_000)}!}`),
};

describe('a spec that is made to take long is answered in time:', () => {
  it.each(Object.entries(BOMBS))('%s', async (_what, text) => {
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1024 * 1024);
    // What it costs, and not what else the machine does.
    const began = process.cpuUsage();
    const outcome = await load(text, { env: { A: 'a', BAD: `'"$\`\\;`, BIG: 'x'.repeat(100_000) } }).then(
      ({ spec }) => buildPlan(spec, { kinds: RESOURCE_KINDS, price: () => 0 }),
      (thrown: unknown) => thrown,
    );
    expect(process.cpuUsage(began).user / 1_000).toBeLessThan(USUAL_CAP_MS);
    if (outcome instanceof Error) expect(isSpinError(outcome), String(outcome)).toBe(true);
  });
});
