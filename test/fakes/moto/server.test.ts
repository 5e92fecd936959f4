import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findMoto, startMoto } from './server.ts';
import { describeWithMoto } from './suite.ts';

const program = findMoto();

describe.skipIf(program === undefined)('the moto server', () => {
  test('serves on loopback until it is stopped', async () => {
    const moto = await startMoto(program ?? '');
    expect((await fetch(`${moto.url}/moto-api/`)).status).toBe(200);
    const port = new URL(moto.url).port;
    expect(serversOn(port)).toHaveLength(1);
    await moto.stop();
    expect(serversOn(port)).toEqual([]);
    await expect(fetch(moto.url)).rejects.toThrow('fetch failed');
  });

  test('ends with the process that started it, even one that is killed', async () => {
    const script = `import { startMoto } from ${JSON.stringify(join(import.meta.dirname, 'server.ts'))};
      console.log(new URL((await startMoto(${JSON.stringify(program)})).url).port);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const port = await new Promise<string>((resolve) => child.stdout.once('data', (text: Buffer) => resolve(text.toString().trim())));
    expect(serversOn(port)).toHaveLength(1);
    child.kill('SIGKILL');
    await expect.poll(() => serversOn(port), { timeout: 5_000 }).toEqual([]);
  });

  test('says why it did not start', async () => {
    await expect(startMoto('/nowhere/moto_server')).rejects.toThrow('/nowhere/moto_server');
  });

  test('starts with hardly any environment', async () => {
    const { PATH = '' } = process.env;
    const moto = await startMoto(program ?? '', { env: { HOME: '/nonexistent', PATH } });
    expect((await fetch(`${moto.url}/moto-api/`)).status).toBe(200);
    await moto.stop();
  });
});

describe('without moto', () => {
  test('it is looked for at SPIN_MOTO_SERVER first, then on PATH', () => {
    expect(findMoto({ SPIN_MOTO_SERVER: '/opt/moto_server', PATH: '/bin' })).toBe('/opt/moto_server');
    expect(findMoto({ PATH: '/nowhere' })).toBeUndefined();
  });
});

describeWithMoto('a suite with moto', (world) => {
  test('has an empty server and a proxy for itself', async () => {
    const { moto, proxy } = world();
    expect(proxy.url).not.toBe(moto.url);
    expect(proxy.calls).toEqual([]);
  });
});

/** Processes that serve on a port; the guard names it too, and is a shell. */
function serversOn(port: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    })
    .filter((command) => command.includes('moto_server') && command.includes(`\0${port}\0`) && !command.startsWith('bash\0-c'));
}
