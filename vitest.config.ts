import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Ended in reverse: what the second keeps in the first one's folder is gone when that looks for leftovers.
    globalSetup: ['test/leftovers.ts', 'test/aws/made.ts'],
    // More than there are cores: most of the time is spent waiting for other processes.
    maxWorkers: 4,
    // Real processes, sockets and terminals on small machines: the wait is for the machine, never for a clock.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 20_000 } },
    pool: 'forks',
    // What strips types in a worker thread is WebAssembly, and V8 13.6 now and then ends the whole process over a wrapper of it that it compiles
    // once more (nodejs/node#64500): it is not to do so.
    execArgv: ['--wasm-wrapper-tiering-budget=1000000000'],
    sequence: { shuffle: true },
    reporters: ['default', './test/reporter.ts'],
    // Times of day in what is shown must not depend on where the tests run.
    env: { TZ: 'UTC' },
  },
});
