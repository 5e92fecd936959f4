import { stripVTControlCharacters } from 'node:util';
import { type IPty, spawn } from '@lydell/node-pty';
import { expect, onTestFinished, test } from 'vitest';
import { project, type Project, SPIN, until } from './project.ts';

const SPEC = 'name: shop\nttl: 1h\nservices: { web: { run: "exec sleep 1000", bootstrap: ["sleep 0.4"], health: { alive: 20ms } } }\n';

test('down asks on a terminal: no leaves everything as it is, with exit code 5, and yes takes it down', async () => {
  const here = project();
  here.spec(SPEC);
  await here.run(['up']);
  const before = here.services();
  for (const answer of ['n', '']) {
    const asked = onTerminal(here, ['down', 'shop']);
    await until(() => asked.text().includes('[y/N]'), 'the question');
    asked.pty.write(`${answer}\r`);
    expect(await asked.ended).toBe(5);
  }
  expect(here.services()).toEqual(before);
  const asked = onTerminal(here, ['down', 'shop']);
  await until(() => asked.text().includes('[y/N]'), 'the question');
  asked.pty.write('y\r');
  expect(await asked.ended).toBe(0);
  expect(here.leftovers()).toEqual([]);
});

test('Ctrl-C in the question is no answer', async () => {
  const here = project();
  here.spec(SPEC);
  await here.run(['up']);
  const asked = onTerminal(here, ['down', 'shop']);
  await until(() => asked.text().includes('[y/N]'), 'the question');
  asked.pty.write('\u0003');
  expect(await asked.ended).toBe(130);
  expect(asked.text().match(/stop/g)).toHaveLength(1);

  const signalled = onTerminal(here, ['down', 'shop']);
  await until(() => signalled.text().includes('[y/N]'), 'the question');
  process.kill(signalled.pty.pid, 'SIGINT');
  expect(await signalled.ended).toBe(130);
  expect(signalled.text().match(/stop/g)).toHaveLength(1);
  expect(here.services()).toHaveLength(1);
});

test('Ctrl-C on a terminal stops an up with 130 and gives the cursor back; what failed there is kept for a look', async () => {
  const here = project();
  here.spec(SPEC);
  const up = onTerminal(here, ['up']);
  await until(() => here.journal('shop').some(({ type }) => type === 'resource.created'), 'the up is at work');
  await until(() => up.text().includes('service.web'), 'it is shown');
  up.pty.write('\u0003');
  expect(await up.ended).toBe(130);
  expect(up.text().lastIndexOf('\u001b[?25h')).toBeGreaterThanOrEqual(up.text().lastIndexOf('\u001b[?25l'));
  expect((await here.json(['status', 'shop'])).result).toMatchObject({ state: 'starting' });

  here.spec(SPEC.replace('sleep 0.4', 'echo no migration; exit 3'));
  const failing = onTerminal(here, ['up', '--id', 'broken']);
  expect(await failing.ended).toBe(1);
  expect(failing.text()).toContain('no migration');
  expect(here.record('broken')).toMatchObject({ failure: { class: 'exit-nonzero' } });
});

test('a wide and a narrow terminal are filled to their width and no further', async () => {
  const here = project();
  here.spec(SPEC);
  await here.run(['up', '--id', 'a-spin-with-quite-a-long-name-that-takes-room']);
  for (const cols of [40, 80, 200]) {
    const ls = onTerminal(here, ['ls', '--wide'], { cols });
    expect(await ls.ended).toBe(0);
    for (const line of stripVTControlCharacters(ls.text()).split(/\r?\n/)) expect(line.length, line).toBeLessThanOrEqual(cols);
  }
  const colourless = onTerminal(here, ['ls'], { env: { NO_COLOR: '1' } });
  await colourless.ended;
  expect(colourless.text()).toBe(stripVTControlCharacters(colourless.text()));
});

interface OnTerminal {
  readonly pty: IPty;
  readonly ended: Promise<number>;
  text(): string;
}

function onTerminal(here: Project, args: readonly string[], options: { cols?: number; env?: Record<string, string> } = {}): OnTerminal {
  const pty = spawn(process.execPath, [SPIN, ...args], {
    name: 'xterm-256color',
    cols: options.cols ?? 100,
    rows: 30,
    cwd: here.dir,
    env: { ...here.env, TERM: 'xterm-256color', ...options.env },
  });
  let text = '';
  pty.onData((data) => void (text += data));
  let over = false;
  const ended = new Promise<number>((done) =>
    pty.onExit(({ exitCode }) => {
      over = true;
      done(exitCode);
    }),
  );
  onTestFinished(() => {
    if (!over) pty.kill('SIGKILL');
  });
  return { pty, ended, text: () => text };
}
