import { expect, test } from 'vitest';
import { adopt } from '../../src/app/adopt.ts';
import { down } from '../../src/app/down.ts';
import { status } from '../../src/app/status.ts';
import { up } from '../../src/app/up.ts';
import { type Incarnation, parseSpinId } from '../../src/core/ids.ts';
import { appFor, Place } from '../app/world.ts';
import { problemsOf } from '../spec/spec-texts.ts';

/** Names that are allowed, and that every object has something under. */
const SPEC = `
name: constructor
ttl: 1h
tags: { constructor: x, toString: y, hasOwnProperty: z }
secrets: { toString: { generate: 32 }, valueOf: { generate: 32 } }
volumes: { constructor: {} }
services:
  constructor: { run: x, port: auto, secrets: { toString: { env: constructor } }, volumes: [constructor], env: { hasOwnProperty: a } }
  web: { run: 'x \${services.constructor.address}', secrets: [valueOf], expose: auto }
`;

const WEB = 'name: shop\nttl: 1h\nservices: { web: { run: x } }\n';

// Known: lifecycle/work.ts asks a plain object for the addresses of a service, and finds what every object has.
test('a spin of services, secrets and tags that are called as what every object has comes up and goes like any other', async () => {
  const place = new Place();
  const app = appFor(place, { spec: SPEC, answer: true });
  const outcome = await place.run(up(app, { file: '-', onFailure: 'keep' }));
  expect(outcome.endpoints.map(({ service }) => service).toSorted()).toEqual(['constructor', 'web']);
  expect((await status(app, { id: 'constructor' })).state).toBe('up');
  const { spins } = await place.run(down(app, { ids: ['constructor'] }));
  expect(spins).toMatchObject([{ result: 'released' }]);
  expect(place.world.at()).toEqual([]);
});

test.each([
  ['a key', 'services: { __proto__: { run: x } }'],
  ['a variable', 'services: { web: { run: x, env: { __proto__: x } } }'],
  ['the variable of a secret', 'secrets: { a: { generate: 8 } }\nservices: { web: { run: x, secrets: { a: { env: __proto__ } } } }'],
  ['the variable of a volume', 'volumes: { a: {} }\nservices: { web: { run: x, volumes: { a: __proto__ } } }'],
  ['a tag', 'tags: { __proto__: x }\nservices: { web: { run: x } }'],
])('__proto__ is refused as %s', async (_what, rest) => {
  expect(await problemsOf(`name: a\nttl: 1h\n${rest}\n`)).not.toEqual([]);
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
});

test.each(['spin:id', 'spin:state', 'a b', 'a,b', 'a'.repeat(200)])(
  'a tag %j is refused on the command line as in a spec',
  async (name) => {
    const place = new Place();
    const asked = up(appFor(place, { spec: SPEC }), { file: '-', onFailure: 'keep', tags: { [name]: 'x' } });
    await expect(place.run(asked)).rejects.toMatchObject({ code: 'usage', exit: 2 });
    expect(place.world.made).toEqual([]);
  },
);

test.each(['../../../../tmp/x', '', 'A'.repeat(26), `${'0'.repeat(25)}/`])(
  'a life that somebody wrote into a tag, %j, is not taken over',
  async (incarnation) => {
    const place = new Place();
    await place.run(up(appFor(place, { spec: WEB }), { file: '-', onFailure: 'keep' }));
    const { record, version } = (await place.store.read(parseSpinId('shop'))) ?? expect.fail();
    await place.store.remove(record.id, version);
    for (const thing of place.world.at()) {
      place.world.plant(thing, { spin: { ...thing.spin, incarnation: incarnation as Incarnation } });
      place.world.things.delete(`${thing.spin.id}/${thing.spin.incarnation}/${thing.key}`);
    }
    await expect(place.run(adopt(appFor(place, { answer: true }), { id: 'shop' }))).rejects.toMatchObject({ code: 'spin-not-found' });
    expect((await place.store.list()).records).toEqual([]);
  },
);
