import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../../../core/errors.ts';
import { Fault } from '../../fault.ts';
import type { AwsOptions } from '../options.ts';

type Env = AwsOptions['env'];

/**
 * The region to work in: what the spec or the spin names, the config, `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile.
 * @throws Fault `invalid` `no-region` where none of them says it
 */
export function regionOf(named: string | undefined, { settings, env }: Pick<AwsOptions, 'settings' | 'env'>): string {
  const region = [named, settings.region, env['AWS_REGION'], env['AWS_DEFAULT_REGION']].find((text) => text !== undefined && text !== '');
  const found = region ?? profileRegion(env);
  if (found !== undefined) return found;
  throw new Fault('invalid', 'no-region', 'no AWS region is known: say `region:` in the spec, aws.region in the config, or set AWS_REGION');
}

/** The profile that is meant where no other source of credentials comes before it. */
export function profileOf(env: Env): string {
  const named = env['AWS_PROFILE'];
  return named === undefined || named === '' ? 'default' : named;
}

/** The region of the profile, from the config file or the credentials file. */
function profileRegion(env: Env): string | undefined {
  const profile = profileOf(env);
  const home = env['HOME'] ?? env['USERPROFILE'] ?? '/';
  const config = env['AWS_CONFIG_FILE'] ?? join(home, '.aws', 'config');
  const credentials = env['AWS_SHARED_CREDENTIALS_FILE'] ?? join(home, '.aws', 'credentials');
  const inConfig = profile === 'default' ? ['default', 'profile default'] : [`profile ${profile}`];
  return settingOf(config, inConfig, 'region') ?? settingOf(credentials, [profile], 'region');
}

/** One setting of a section; the form of these files is that of the AWS CLI: `[section]`, `name = value`, comments with # or ;. */
function settingOf(file: string, sections: readonly string[], setting: string): string | undefined {
  let section = '';
  for (const line of textOf(file).split(/\r?\n/)) {
    const heading = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line)?.[1];
    if (heading !== undefined) section = heading.replace(/\s+/g, ' ').replaceAll('"', '');
    // Lines that are set in belong to a nested setting.
    const [, name, value] = /^([^\s#;=]+)\s*=\s*([^\s#;]+)/.exec(line) ?? [];
    if (sections.includes(section) && name === setting) return value;
  }
  return undefined;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    if (systemCode(thrown) === undefined) throw thrown;
    return '';
  }
}
