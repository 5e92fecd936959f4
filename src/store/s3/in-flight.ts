/** Requests that run at once, as S3 answers each in tens of milliseconds however many there are. */
const IN_FLIGHT = 32;

type Pages<Item> = AsyncIterable<readonly Item[]> | Iterable<readonly Item[]>;

/** Does `work` for every item of every page, with many under way. @throws what `work` or the pages threw first; nothing new begins then */
export async function inFlight<Item>(pages: Pages<Item>, work: (item: Item) => Promise<void>): Promise<void> {
  const items = flattened(pages);
  let failed = false;
  const worker = async (): Promise<void> => {
    try {
      for (let next = await items.next(); next.done !== true && !failed; next = await items.next()) await work(next.value);
    } catch (thrown) {
      failed = true;
      throw thrown;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: IN_FLIGHT }, worker));
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

async function* flattened<Item>(pages: Pages<Item>): AsyncGenerator<Item, void, void> {
  for await (const page of pages) yield* page;
}
