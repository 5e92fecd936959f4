import type { App } from './context.ts';
import type { ConfigOutcome } from './outcomes.ts';

/** Every setting with its value and where it came from. */
export function config(app: App): Promise<ConfigOutcome> {
  const { files, values } = app.config;
  return Promise.resolve({
    files,
    values: Object.entries(values).map(([setting, { value, origin, where }]) => ({ setting, value, origin, where })),
  });
}
