import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import xterm from '@xterm/headless';
import { describe, expect, it } from 'vitest';

const SCRIPT = join(import.meta.dirname, 'live-list.ts');

interface Screen {
  readonly lines: readonly string[];
  readonly cursorHidden: boolean;
}

/** Runs the script in a real terminal and reads the screen in the middle, from where on it may be narrower, and at the end. */
async function watch(columns: number, mode = '', later = columns): Promise<{ readonly middle: Screen; readonly end: Screen }> {
  const screen = new xterm.Terminal({ cols: columns, rows: 20, allowProposedApi: true });
  let hidden = false;
  let middle: Screen | undefined;
  screen.parser.registerCsiHandler({ prefix: '?', final: 'h' }, ([mode_]) => ((hidden = mode_ === 25 ? false : hidden), false));
  screen.parser.registerCsiHandler({ prefix: '?', final: 'l' }, ([mode_]) => ((hidden = mode_ === 25 ? true : hidden), false));
  const shot = (): Screen => ({ lines: linesOf(screen), cursorHidden: hidden });
  screen.parser.registerOscHandler(9, () => {
    middle = shot();
    if (later !== columns) {
      setImmediate(() => {
        screen.resize(later, 20);
        child.resize(later, 20);
      });
    }
    return true;
  });
  const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', TERM: 'xterm-256color' };
  const narrower = later === columns ? [] : [String(later)];
  const child = spawn(process.execPath, ['--no-warnings', SCRIPT, mode, ...narrower], { cols: columns, rows: 20, env });
  child.onData((data) => screen.write(data));
  await new Promise<void>((resolve) => child.onExit(() => resolve()));
  await new Promise<void>((resolve) => screen.write('', resolve));
  if (middle === undefined) throw new TypeError(`the story did not reach its middle:\n${linesOf(screen).join('\n')}`);
  return { middle, end: shot() };
}

function linesOf(screen: InstanceType<typeof xterm.Terminal>): readonly string[] {
  const buffer = screen.buffer.active;
  const lines = Array.from({ length: buffer.length }, (_, row) => buffer.getLine(row)?.translateToString(true) ?? '');
  return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
}

describe('the story on a terminal', () => {
  it('keeps what is finished above, and what is under way in a list that moves', async () => {
    const { middle, end } = await watch(80);
    expect(middle.cursorHidden).toBe(true);
    expect(middle.lines).toHaveLength(3);
    expect(middle.lines[0]).toBe('✔ service.a@1  ready after 2ms');
    expect(middle.lines[1]).toMatch(/^\S web {2}\w+ {2}\d+ms {2}1 done$/);
    expect(middle.lines[2]).toMatch(/^ {4}service\.b@1 +\d+ms {2}waiting \(waits very very .*…$/);
    expect(end.lines).toEqual(['✔ service.a@1  ready after 2ms', '✖ service.b@1  failed (crash-loop)', '', 'the result']);
    expect(end.cursorHidden).toBe(false);
  });

  it('never wraps a line, however narrow the terminal', async () => {
    const { middle, end } = await watch(32);
    expect(middle.lines).toHaveLength(3);
    expect(end.lines).toEqual(['✔ service.a@1  ready after 2ms', '✖ service.b@1  failed (crash-l…', '', 'the result']);
  });

  it('leaves nothing behind of what a narrowed terminal has broken into more lines', async () => {
    const { end } = await watch(80, '', 40);
    expect(end.lines).toEqual(['✔ service.a@1  ready after 2ms', '✖ service.b@1  failed (crash-loop)', '', 'the result']);
  });

  it('gives the cursor back when the process ends at once', async () => {
    const { end } = await watch(80, 'abandon');
    expect(end.cursorHidden).toBe(false);
    expect(end.lines).toEqual(['✔ service.a@1  ready after 2ms']);
  });
});
