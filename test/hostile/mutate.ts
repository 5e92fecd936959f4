/** Ways to spoil what was right. */
import type { Dice } from './dice.ts';
import { nastyText, nastyValue } from './nasty.ts';

type Tree = Record<string, unknown> | unknown[];

/** One or a few changes to a text: bytes, lines, indentation, what stands between them. */
export function mutateText(dice: Dice, text: string, most = 3): string {
  let mutated = text;
  for (let times = 1 + dice.below(most); times > 0; times--) mutated = dice.pick(TEXT_CHANGES)(dice, mutated);
  return mutated;
}

const TEXT_CHANGES: readonly ((dice: Dice, text: string) => string)[] = [
  // Something is lost, at an end or in the middle.
  (dice, text) => text.slice(0, dice.below(text.length)),
  (dice, text) => text.slice(dice.below(text.length)),
  (dice, text) => splice(dice, text, 1 + dice.below(20), ''),
  // Something is added or stands in place of another.
  (dice, text) => splice(dice, text, 0, nastyText(dice)),
  (dice, text) => splice(dice, text, 1 + dice.below(8), nastyText(dice)),
  (dice, text) => splice(dice, text, 1, String.fromCharCode(dice.below(0x100))),
  (dice, text) => splice(dice, text, 1, String.fromCharCode(dice.below(0x1_0000))),
  // Something is there too often.
  (dice, text) => {
    const from = dice.below(text.length);
    const part = text.slice(from, from + 1 + dice.below(60));
    return text.slice(0, from) + part.repeat(2 + dice.below(dice.chance(0.05) ? 2_000 : 4)) + text.slice(from);
  },
  // Lines in another order, twice, or shifted.
  (dice, text) =>
    changeLines(text, (lines) => {
      const [from, to] = [dice.below(lines.length), dice.below(lines.length)];
      const [line = ''] = lines.splice(from, 1);
      lines.splice(to, 0, line);
    }),
  (dice, text) =>
    changeLines(text, (lines) => {
      const at = dice.below(lines.length);
      lines.splice(at, 0, lines[at] ?? '');
    }),
  (dice, text) =>
    changeLines(text, (lines) => {
      const at = dice.below(lines.length);
      lines[at] = dice.chance(0.5) ? ` ${lines[at] ?? ''}` : (lines[at] ?? '').slice(1);
    }),
];

function splice(dice: Dice, text: string, away: number, added: string): string {
  const at = dice.below(text.length + 1);
  return text.slice(0, at) + added + text.slice(at + away);
}

function changeLines(text: string, change: (lines: string[]) => void): string {
  const lines = text.split('\n');
  change(lines);
  return lines.join('\n');
}

/** One or a few changes to a copy of a JSON tree: values, keys, members. */
export function mutateTree(dice: Dice, tree: unknown, most = 3): unknown {
  // In a box, so that the root can be changed like any other.
  const box: { root: unknown } = { root: structuredClone(tree) };
  for (let times = 1 + dice.below(most); times > 0; times--) {
    const places = placesOf(box);
    if (places.length > 0) dice.pick(TREE_CHANGES)(dice, places);
  }
  return box.root;
}

interface Place {
  readonly holder: Tree;
  readonly key: string;
}

const TREE_CHANGES: readonly ((dice: Dice, places: readonly Place[]) => void)[] = [
  (dice, places) => put(dice.pick(places), nastyValue(dice)),
  (dice, places) => put(dice.pick(places), nastyValue(dice)),
  (dice, places) => put(dice.pick(places), nastyText(dice)),
  (dice, places) => put(dice.pick(places), structuredClone(get(dice.pick(places)))),
  (dice, places) => {
    const place = dice.pick(places);
    put(place, dice.chance(0.5) ? [get(place)] : { [nastyText(dice)]: get(place) });
  },
  // As another type: a number as text, a text as number.
  (dice, places) => {
    const place = dice.pick(places);
    const value = get(place);
    put(place, typeof value === 'number' ? String(value) : typeof value === 'string' ? value.length : JSON.stringify(value));
  },
  // A number a little or much beside what it was.
  (dice, places) => {
    const numbers = places.filter((place) => typeof get(place) === 'number');
    if (numbers.length > 0) put(dice.pick(numbers), dice.pick([-1, 0, 1.5, 1e16, -1e16, 1e300, 4294967296, 2 ** 53]));
  },
  (dice, places) => remove(dice.pick(places)),
  (dice, places) => {
    const place = dice.pick(places);
    const value = get(place);
    remove(place);
    put({ holder: place.holder, key: nastyText(dice) }, value);
  },
  (dice, places) => put({ holder: dice.pick(places).holder, key: nastyText(dice) }, nastyValue(dice)),
];

function placesOf(box: object): readonly Place[] {
  const places: Place[] = [];
  const visit = (holder: Tree): void => {
    for (const key of Object.keys(holder)) {
      const place = { holder, key };
      places.push(place);
      const value = get(place);
      if (typeof value === 'object' && value !== null) visit(value as Tree);
    }
  };
  visit(box as Tree);
  return places;
}

function get({ holder, key }: Place): unknown {
  return (holder as Record<string, unknown>)[key];
}

/** As an own member, also under `__proto__`: that is what a parser makes of it. */
function put({ holder, key }: Place, value: unknown): void {
  // JSON gives a list no other members.
  if (Array.isArray(holder) && !/^\d{1,6}$/.test(key)) return;
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

function remove({ holder, key }: Place): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else Reflect.deleteProperty(holder, key);
}

/** JSON with a number or a key that only a text can hold: `1e999` becomes Infinity when it is read. */
export function spoiltJson(dice: Dice, tree: unknown): string {
  const text = JSON.stringify(tree) ?? 'null';
  if (!dice.chance(0.2)) return text;
  const numbers = [...text.matchAll(/:-?\d+(?:\.\d+)?/g)];
  if (numbers.length === 0) return text;
  const { index, 0: found } = dice.pick(numbers);
  return `${text.slice(0, index)}:${dice.pick(['1e999', '-1e999', '1E400', '00', '1.', 'NaN', '-', '9'.repeat(400)])}${text.slice(index + found.length)}`;
}
