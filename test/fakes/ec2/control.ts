import type { Ec2 } from './start.ts';
import type { Script } from './faults.ts';
import type { LimitRule } from './world/limits.ts';
import type { Cause } from './world/instances.ts';

/** Something that happens to an instance from outside. */
export interface Happening {
  readonly do: 'terminate' | 'interrupt' | 'shutDown' | 'impair' | 'heal' | 'print' | 'fail';
  readonly id: string;
  /** Of `print`. */
  readonly text?: string;
  /** Of `fail`. */
  readonly cause?: Cause;
}

/** What can be asked and told under /_double/, with the answers. Tellings are the body of a POST, as JSON. */
export interface ControlVerbs {
  readonly world: () => unknown;
  readonly counts: () => unknown;
  readonly throttled: () => unknown;
  readonly calls: () => unknown;
  readonly held: () => unknown;
  /** Answers when a call stands still. */
  readonly 'held-next': () => unknown;
  readonly release: (told: { readonly id?: number }) => unknown;
  readonly script: (told: Script) => unknown;
  readonly limit: (told: LimitRule) => unknown;
  readonly clear: (told: { readonly what: 'scripts' | 'limits' | 'calls' }) => unknown;
  readonly outside: (told: Happening) => unknown;
  readonly clock: (told: { readonly advanceMs?: number }) => unknown;
}

const PREFIX = '/_double/';

/** The control endpoint of a double, for tests in other processes. */
export function controlOf(
  double: Omit<Ec2, 'url' | 'env' | 'close'>,
  now: () => number,
): (method: string, path: string, body: string) => Promise<string> | undefined {
  const verbs: ControlVerbs = {
    world: () => double.snapshot(),
    counts: () => double.counts(),
    throttled: () => double.throttled(),
    calls: () => double.calls,
    held: () => double.holding.list(),
    'held-next': () => double.holding.next(),
    release: ({ id }) => double.holding.release(id),
    script: (script) => double.script(script),
    limit: (rule) => double.limit(rule),
    clear: ({ what }) => double.clear(what),
    outside: (happening) => happen(double, happening),
    clock: async ({ advanceMs = 0 }) => {
      if (advanceMs > 0) await double.advance(advanceMs);
      return { now: now() };
    },
  };
  return (_method, path, body) => {
    if (!path.startsWith(PREFIX)) return undefined;
    const verb = Reflect.get(verbs, path.slice(PREFIX.length)) as ((told: unknown) => unknown) | undefined;
    if (verb === undefined) throw new RangeError(`the double knows no ${path}`);
    return Promise.resolve(verb(body === '' ? {} : JSON.parse(body))).then((value) => JSON.stringify(value ?? null));
  };
}

function happen({ outside }: Pick<Ec2, 'outside'>, { do: what, id, text = '', cause }: Happening): void {
  switch (what) {
    case 'terminate':
      return outside.terminate(id);
    case 'interrupt':
      return outside.interrupt(id);
    case 'shutDown':
      return outside.shutDown(id);
    case 'impair':
      return outside.impair(id);
    case 'heal':
      return outside.impair(id, false);
    case 'print':
      return outside.print(id, text);
    case 'fail':
      return outside.fail(id, cause ?? { code: 'Server.InternalError', message: 'Server.InternalError: Internal error on launch' });
  }
}
