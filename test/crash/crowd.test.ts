import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Build, buildSpin } from './matrix/build.ts';
import { CROWDS } from './matrix/crowd.ts';

/** The same in small; `npm run crash -- --only crowd` has the full sizes. */
describe.concurrent('many at once on one spin ID', () => {
  let build: Build | undefined;
  beforeAll(async () => {
    build = await buildSpin();
  });
  afterAll(() => build?.remove());

  test.each(CROWDS.map(({ name }) => name))(
    '%s',
    async (name) => {
      const crowd = CROWDS.find((each) => each.name === name);
      if (build === undefined || crowd === undefined) throw new TypeError('nothing was built');
      await expect(crowd.run(build, crowd.sizes.small)).resolves.toBeUndefined();
    },
    180_000,
  );
});
