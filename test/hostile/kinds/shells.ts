import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bindCommand } from '../../../src/spec/bindings.ts';
import { load } from '../../spec/spec-texts.ts';
import { demand, type Kind } from '../kind.ts';
import { CANARY, INJECTIONS, nastyText } from '../nasty.ts';

/** Where an author may put a value into a command for the shell, and what is printed around it. */
const PLACES: readonly (readonly [before: string, after: string, printed: readonly [string, string]])[] = [
  [`printf %s `, '', ['', '']],
  [`printf %s "`, '"', ['', '']],
  [`printf %s '`, `'`, ['', '']],
  [`printf %s a`, 'b', ['a', 'b']],
  [`printf %s "it's "`, '', ["it's ", '']],
  [`printf %s 'say "'`, `'"'`, ['say "', '"']],
  [`# it's a comment\nprintf %s `, '', ['', '']],
  [`printf %s "a\\"`, '"', ['a"', '']],
  [`printf %s a\\ `, '', ['a ', '']],
  [`if true; then printf %s `, '; fi', ['', '']],
  [`(printf %s `, ')', ['', '']],
  [`{ printf %s `, '; }', ['', '']],
  [`true && printf %s `, ' || true', ['', '']],
  [`x=`, '; printf %s "$x"', ['', '']],
  [`printf %s "$(printf %s `, ')"', ['', '']],
  ['printf %s "`printf %s ', '`"', ['', '']],
  [`cat <<EOF\n`, '\nEOF', ['', '\n']],
  [`printf %s "$\${x:-`, '}"', ['', '']],
  [`printf %s $\${x:-`, '}', ['', '']],
  [`printf %s "$\${x:-'`, `'}"`, ["'", "'"]],
  [`case x in x) printf %s `, ';; esac', ['', '']],
];

/** A value from outside, put into a command by the spec, and the command run by a real shell. */
export const shells: Kind = {
  name: 'shell',
  cases: 2_000,
  capMs: 10_000,
  make(dice) {
    const [before, after, [head, tail]] = dice.pick(PLACES);
    // One argument of a program holds at most 128 KiB.
    const value = (dice.chance(0.6) ? dice.pick(INJECTIONS) : nastyText(dice)).replaceAll('\0', '').slice(0, 50_000);
    const run = `${before}\${env.HOSTILE}${after}`;
    const shell = dice.pick(['/bin/sh', '/bin/bash']);
    return {
      show: () => `${shell}: ${run}\nHOSTILE=${JSON.stringify(value)}`,
      feed: async (folder) => {
        const text = JSON.stringify({ name: 'a', ttl: '1h', services: { web: { run } } });
        const { spec } = await load(text, { env: { HOSTILE: value } });
        const command = bindCommand(spec.services['web']?.run ?? '', {});
        demand(typeof command === 'string', 'a list');
        const { stdout } = spawnSync(shell, ['-c', String(command)], {
          cwd: folder,
          encoding: 'utf8',
          env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' },
        });
        demand(!existsSync(join(folder, CANARY)), `a command that ran another: ${String(command)}`);
        // A lone surrogate is no text that a program can be given.
        if (value.isWellFormed())
          demand(stdout === `${head}${value}${tail}`, `${String(command)}\nwhich printed ${JSON.stringify(stdout)}`);
      },
    };
  },
};
