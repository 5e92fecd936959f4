/** Tag that says which instances of a service the machines of one launch are, such as `1-3 5`: the first machine of the launch is the first. */
export const ORDINALS = 'spin:ordinals';

/** The most characters that the value of a tag has: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html (Tag restrictions). */
const MAX_TAG_VALUE = 256;
/** As many machines as one launch may ask for; the resource bucket of RunInstances holds no more. */
const MAX_LAUNCH = 1_000;

/** Ordinals as text: `1-3 5`. Given in rising order. */
export function writeOrdinals(ordinals: readonly number[]): string {
  const runs: { from: number; to: number }[] = [];
  for (const ordinal of ordinals) {
    const last = runs.at(-1);
    if (last?.to === ordinal - 1) last.to = ordinal;
    else runs.push({ from: ordinal, to: ordinal });
  }
  return runs.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(' ');
}

/** The ordinals that a text names, in order; what is not one is left out. */
export function readOrdinals(text: string): readonly number[] {
  return text.split(' ').flatMap((part) => {
    const match = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part);
    if (match === null) return [];
    const from = Number(match[1]);
    const to = Number(match[2] ?? match[1]);
    return Array.from({ length: Math.max(0, Math.min(to - from + 1, MAX_LAUNCH)) }, (_, index) => from + index);
  });
}

/** As many of the ordinals, from the first, as one launch can make and one tag can name. */
export function oneLaunch(ordinals: readonly number[]): readonly number[] {
  let most = Math.min(ordinals.length, MAX_LAUNCH);
  while (most > 1 && writeOrdinals(ordinals.slice(0, most)).length > MAX_TAG_VALUE) most -= 1;
  return ordinals.slice(0, most);
}
