import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { InternalError } from '../../../src/core/errors.ts';
import { type Behaviour, type MotoProxy, startProxy } from './proxy.ts';
import { findMoto, type Moto, type MotoOptions, startMoto } from './server.ts';

export interface MotoSuiteOptions extends MotoOptions {
  readonly behaviour?: Partial<Behaviour>;
  /** A clock for one test: what the states of its instances go by. */
  readonly clock?: () => Clock;
}

/** What a test of such a suite talks to. */
export interface MotoWorld {
  /** Moto itself, to look at what is there by other means. */
  readonly moto: Moto;
  readonly proxy: MotoProxy;
}

const ABSENT = 'moto_server is not on this machine';

/**
 * A suite against a moto server of its own, empty before each test, with a new proxy in front for each. Where there is no moto
 * its tests are skipped aloud; with SPIN_REQUIRE_MOTO=1 the whole file fails.
 * @param define is given what gives the world of the test that runs; in `beforeAll` there is none yet
 */
export function describeWithMoto(name: string, define: (world: () => MotoWorld) => void, options: MotoSuiteOptions = {}): void {
  const program = findMoto();
  if (program === undefined) {
    if (process.env['SPIN_REQUIRE_MOTO'] === '1') throw new InternalError(`${ABSENT}, and SPIN_REQUIRE_MOTO demands it`);
    describeWithout(name, define);
    return;
  }
  describe(`${name}, with moto`, () => {
    let moto: Moto | undefined;
    let world: MotoWorld | undefined;
    beforeAll(async () => {
      moto = await startMoto(program, options);
    });
    beforeEach(async () => {
      if (moto === undefined) throw new InternalError('moto was not started');
      await moto.reset();
      world = { moto, proxy: await startProxy(moto.url, proxyOptions(options)) };
    });
    afterEach(() => world?.proxy.close());
    afterAll(() => moto?.stop());
    define(() => {
      if (world === undefined) throw new InternalError('no test runs');
      return world;
    });
  });
}

function proxyOptions({ behaviour, clock }: MotoSuiteOptions): Parameters<typeof startProxy>[1] {
  return { ...(behaviour === undefined ? {} : { behaviour }), ...(clock === undefined ? {} : { clock: clock() }) };
}

/** The tests are still collected, so that they are counted. */
function describeWithout(name: string, define: (world: () => MotoWorld) => void): void {
  describe(`${name}, with moto`, () => {
    let skipped = 0;
    beforeEach(({ skip }) => {
      skipped++;
      skip(ABSENT);
    });
    afterAll(() => process.stderr.write(`${name}: ${skipped} ${skipped === 1 ? 'test' : 'tests'} skipped: ${ABSENT}\n`));
    define(() => {
      throw new InternalError(ABSENT);
    });
  });
}
