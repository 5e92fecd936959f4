import { afterAll, beforeAll, describe, test } from 'vitest';
import { type Build, buildSpin } from './matrix/build.ts';
import { CROWDS } from './matrix/crowd.ts';

/** The same in small; `npm run crash -- --only crowd` has the full sizes. */
describe.concurrent('many at once on one spin ID', () => {
  let build: Build | undefined;
  beforeAll(async () => {
    build = await buildSpin();
  });
  afterAll(() => build?.remove());

  test.for(CROWDS.map(({ name }) => name))(
    '%s',
    { timeout: 180_000 },
    // The test's own: at the same time as others, that of the module takes a failure for theirs too.
    async (name, { expect }) => {
      const crowd = CROWDS.find((each) => each.name === name);
      if (build === undefined || crowd === undefined) throw new TypeError('nothing was built');
      await expect(crowd.run(build, crowd.sizes.small)).resolves.toBeUndefined();
    },
  );
});
