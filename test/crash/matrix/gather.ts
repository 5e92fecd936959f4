import type { Build } from './build.ts';
import type { Crowd } from './crowd.ts';

/** What came of one crowd. */
export interface Gathered {
  readonly name: string;
  readonly size: number;
  readonly problem?: string;
  readonly ms: number;
}

/** One crowd after the other, as each takes the whole machine. Never throws for what did not hold. */
export async function gather(
  build: Build,
  crowds: readonly Crowd[],
  size: keyof Crowd['sizes'],
  say: (line: string) => void,
): Promise<readonly Gathered[]> {
  const gathered: Gathered[] = [];
  for (const crowd of crowds) {
    const began = performance.now();
    const problem = await crowd.run(build, crowd.sizes[size]).then(
      () => undefined,
      (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown)),
    );
    const ms = performance.now() - began;
    gathered.push({ name: crowd.name, size: crowd.sizes[size], ms, ...(problem === undefined ? {} : { problem }) });
    say(`${crowd.name}, ${crowd.sizes[size]}: ${problem ?? 'held'}, ${Math.round(ms / 1_000)} s`);
  }
  return gathered;
}
