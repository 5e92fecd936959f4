import { SpinError } from '../core/errors.ts';
import { quoteAfter } from './shell.ts';
import type { Command } from './spec.ts';

/** Endpoints of services that are ready, by service name; the provider port's `Bindings` fits. */
export type BoundServices = Readonly<Record<string, readonly BoundEndpoint[]>>;

export interface BoundEndpoint {
  readonly via: 'instance' | 'route';
  readonly host: string;
  readonly port: number;
  readonly url?: string;
}

/** What can be asked of a service in `${services.NAME.WORD}`. */
export const SERVICE_WORDS = ['address', 'host', 'port', 'url', 'addresses'] as const;

// A literal `${services.` is kept as `$${services.` until addresses are bound, or it would be bound too.
const REFERENCE = /\$\$\{services\.|\$\{services\.([^.{}]+)\.([^.{}]+)\}/g;

/**
 * Fills in `${services.NAME.WORD}`: `host`, `port`, `address` (host:port) and `url` of the route where the service is exposed,
 * else of its first instance; `addresses` is host:port of every instance, comma-separated. `url` is `http://` where an endpoint names no scheme.
 * @throws SpinError `spec-invalid` where a service has no endpoint
 */
export function bindAddresses(text: string, bindings: BoundServices): string {
  return text.replace(REFERENCE, (raw: string, service?: string, word?: string) =>
    service === undefined || word === undefined ? raw.slice(1) : valueOf(raw, service, word, bindings),
  );
}

/** As bindAddresses, for a whole command; in a shell string each value is quoted for the place where it stands. */
export function bindCommand(command: Command, bindings: BoundServices): Command {
  if (typeof command !== 'string') {
    const [program, ...args] = command;
    return [bindAddresses(program, bindings), ...args.map((arg) => bindAddresses(arg, bindings))];
  }
  return command.replace(REFERENCE, (raw: string, service: string | undefined, word: string | undefined, offset: number) => {
    if (service === undefined || word === undefined) return raw.slice(1);
    const value = valueOf(raw, service, word, bindings);
    const quoted = quoteAfter(command.slice(0, offset), value);
    if (quoted !== undefined) return quoted;
    throw new SpinError('spec-invalid', `${raw} is ${JSON.stringify(value)}, which cannot be quoted where it stands in the command`, {
      hint: `pass ${raw} through env: and use the variable`,
    });
  });
}

/** The names of the services whose addresses a text asks for, each once. */
export function serviceRefs(text: string): string[] {
  return [...new Set(Array.from(text.matchAll(REFERENCE), ([, service]) => service).filter((service) => service !== undefined))];
}

/** Keeps `${services.` in a value from outside from being bound later. */
export function escapeReferences(value: string): string {
  // A function, because `$$` in a replacement text would be read as one dollar.
  return value.replaceAll('${services.', (start) => `$${start}`);
}

function valueOf(raw: string, service: string, word: string, bindings: BoundServices): string {
  const endpoints = Object.hasOwn(bindings, service) ? (bindings[service] ?? []) : [];
  const first = endpoints.find(({ via }) => via === 'route') ?? endpoints[0];
  if (first === undefined) {
    throw new SpinError('spec-invalid', `${raw} cannot be filled in: service ${service} has no endpoint`, {
      hint: `give services.${service} a port, such as port: auto`,
    });
  }
  switch (word) {
    case 'host':
      return first.host;
    case 'port':
      return String(first.port);
    case 'url':
      return first.url ?? `http://${hostPort(first)}`;
    case 'addresses': {
      const instances = endpoints.filter(({ via }) => via === 'instance');
      return (instances.length === 0 ? [first] : instances).map(hostPort).join(',');
    }
    default:
      return hostPort(first);
  }
}

function hostPort({ host, port }: BoundEndpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
