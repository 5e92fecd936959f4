import { describe, expect, it } from 'vitest';
import { bindAddresses, bindCommand, serviceRefs } from '../../src/spec/bindings.ts';

const bindings = {
  db: [
    { via: 'instance', host: '127.0.0.1', port: 5001 },
    { via: 'instance', host: '127.0.0.1', port: 5002 },
  ],
  web: [
    { via: 'instance', host: '127.0.0.1', port: 6001, url: 'http://127.0.0.1:6001' },
    { via: 'route', host: '127.0.0.1', port: 8080, url: 'http://127.0.0.1:8080' },
  ],
  six: [{ via: 'instance', host: '::1', port: 7000 }],
} as const;

describe('bound addresses', () => {
  it.each([
    ['${services.db.address}', '127.0.0.1:5001'],
    ['${services.db.host} ${services.db.port}', '127.0.0.1 5001'],
    ['${services.db.url}/x', 'http://127.0.0.1:5001/x'],
    ['${services.db.addresses}', '127.0.0.1:5001,127.0.0.1:5002'],
    ['${services.web.url}', 'http://127.0.0.1:8080'],
    ['${services.web.addresses}', '127.0.0.1:6001'],
    ['${services.six.address}', '[::1]:7000'],
    ['$${services.db.host} ${HOME} $HOME', '${services.db.host} ${HOME} $HOME'],
  ])('make of %s %j', (text, expected) => {
    expect(bindAddresses(text, bindings)).toBe(expected);
  });

  it('are quoted in a shell string where they must be', () => {
    expect(bindCommand('curl "${services.web.url}" ${services.six.address}', bindings)).toBe(`curl "http://127.0.0.1:8080" '[::1]:7000'`);
    expect(bindCommand(['curl', '${services.six.address}'], bindings)).toEqual(['curl', '[::1]:7000']);
  });

  it.each(['gone', 'constructor'])('are refused for a service without an endpoint: %s', (service) => {
    expect(() => bindAddresses(`\${services.${service}.port}`, bindings)).toThrow(/has no endpoint/);
  });

  it('name their services once each', () => {
    expect(serviceRefs('${services.db.host}:${services.db.port} ${services.web.url} $${services.no.host}')).toEqual(['db', 'web']);
  });
});
