import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { parse } from 'yaml';
import { type LoadedConfig, loadConfig, specInputs } from '../../../src/spec/config.ts';
import type { ConfigFlags } from '../../../src/spec/config-layers.ts';
import { SETTING_PATHS, SETTINGS } from '../../../src/spec/settings.ts';
import { viewConfig } from '../../../src/cli/views/config.ts';
import type { Dice } from '../dice.ts';
import { demand, type Kind } from '../kind.ts';
import { mutateText, mutateTree } from '../mutate.ts';
import { nastyText } from '../nasty.ts';
import { PAGE } from '../page.ts';

const EXAMPLE = readFileSync(join(import.meta.dirname, '../../../spin.config.example.yaml'), 'utf8')
  // Every setting is there, most of them as comments.
  .replace(/^# ?(?=\s*[a-zA-Z]+:)/gm, '');
const SMALL =
  'ttl: 8h\nowner: ada\ntags: { team: shop }\nlimits: { maxTtl: 3d, maxHourly: 2.5 }\ngc: { grace: 10m }\nports: { from: 20000, to: 29999 }\n';

/** A project's config, a user's config, and variables, at once. */
export const configs: Kind = {
  name: 'config',
  cases: 8_000,
  make(dice) {
    const project = spoilt(dice);
    const user = dice.chance(0.3) ? spoilt(dice) : undefined;
    const env = Object.fromEntries(
      (dice.chance(0.3) ? dice.some(VARIABLES, 0.05) : []).map((name) => [name, nastyText(dice).replaceAll('\0', '')]),
    );
    const flags: ConfigFlags = dice.chance(0.2) ? { ttl: nastyText(dice), tags: { [nastyText(dice)]: nastyText(dice) } } : {};
    return {
      show: () => JSON.stringify({ project, user, env, flags }, undefined, 2),
      async feed(folder) {
        const [cwd, home] = [join(folder, 'project'), join(folder, 'home')];
        for (const place of [cwd, join(home, '.config/spin')]) mkdirSync(place, { recursive: true });
        const [projectFile, userFile] = [join(cwd, 'spin.config.yaml'), join(home, '.config/spin/config.yaml')];
        writeFileSync(projectFile, project);
        if (user === undefined) rmSync(userFile, { force: true });
        else writeFileSync(userFile, user);
        checkLoaded(await loadConfig({ cwd, home, env: { HOME: home, USER: 'ada', ...env }, flags }));
      },
    };
  },
};

const VARIABLES: readonly string[] = [
  ...SETTING_PATHS.map((path) => SETTINGS[path].variable),
  'SPIN_TAGS',
  'XDG_STATE_HOME',
  'XDG_CONFIG_HOME',
  'USER',
];

function spoilt(dice: Dice): string {
  const text = dice.pick([EXAMPLE, SMALL]);
  if (dice.chance(0.5)) return mutateText(dice, text);
  return JSON.stringify(mutateTree(dice, parse(text))) ?? '';
}

function checkLoaded(config: LoadedConfig): void {
  const { settings } = config;
  demand(isAbsolute(settings.state) || settings.state.startsWith('s3://'), `the state location ${JSON.stringify(settings.state)}`);
  demand(settings.ports.from >= 1024 && settings.ports.from <= settings.ports.to && settings.ports.to <= 65_535, 'the ports');
  demand(
    Object.keys(settings.tags).every((name) => !name.startsWith('spin:')),
    `the tags ${JSON.stringify(settings.tags)}`,
  );
  demand(allFinite(settings), `a number that is none: ${JSON.stringify(settings)}`);
  specInputs(config);
  const values = Object.entries(config.values).map(([setting, value]) => ({ setting, ...value }));
  viewConfig({ files: config.files, values }, PAGE);
}

function allFinite(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value !== 'object' || value === null || Object.values(value).every(allFinite);
}
