import { type Alias, CST, isAlias, isMap, isPair, isScalar, isSeq, Lexer, LineCounter, type Node, parseDocument, type Scalar } from 'yaml';
import { type Finding, type Path, type Problem, showPath } from './problems.ts';

const MAX_BYTES = 1024 * 1024;
const MAX_DEPTH = 64;
/** Nodes of the tree with aliases followed: the bound on what an alias bomb can grow into. */
const MAX_NODES = 50_000;
const TOO_DEEP = `is nested more than ${MAX_DEPTH} levels deep`;
const CORE_TAG = /^tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq)$/;

/** A YAML document as plain values, which still knows where each of them stands. */
export interface Source {
  /** As shown in messages. */
  readonly file: string;
  /** Maps, lists, strings, numbers, booleans and null; no key is `__proto__`. */
  readonly tree: unknown;
  /** A scalar as written, so that `1.10` can be told from `1.1`; undefined for what is no number or boolean. */
  readonly written: (path: Path) => string | undefined;
  readonly place: (finding: Finding) => Problem;
}

export interface ParsedSource {
  readonly source: Source;
  /** Why the text is no document that can be read; empty where it is one. */
  readonly problems: readonly Problem[];
}

interface Spot {
  readonly key?: number;
  readonly value?: readonly [start: number, end: number];
  readonly written?: string;
}

/** Parses one YAML 1.2 document: core schema only, unique keys, no merge keys, bounded size, depth and aliases. Never throws. */
export function parseSource(text: string, file: string): ParsedSource {
  const lines = new LineCounter();
  const spots = new Map<string, Spot>();
  const findings: Finding[] = [];
  const offsets: (readonly [number, Omit<Problem, 'file' | 'line' | 'column'>])[] = [];
  let tree: unknown;
  const tooLarge = Buffer.byteLength(text) > MAX_BYTES;
  const tooDeep = tooLarge ? undefined : tooDeepAt(text);

  if (tooLarge) {
    offsets.push([0, { path: '', message: `is larger than the ${MAX_BYTES / 1024} KiB that are read` }]);
  } else if (tooDeep !== undefined) {
    for (const { index } of text.matchAll(/^/gm)) lines.addNewLine(index);
    offsets.push([tooDeep, { path: '', message: TOO_DEEP }]);
  } else {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      strict: true,
      // It compares each key with each other: the reader below needs a look at each.
      uniqueKeys: false,
      schema: 'core',
      merge: false,
    });
    for (const { message, pos } of [...document.errors, ...document.warnings])
      offsets.push([pos[0], { path: '', message: lowerFirst(message) }]);
    if (offsets.length === 0) {
      const twice = (offset: number) => offsets.push([offset, { path: '', message: 'is not valid YAML: map keys must be unique' }]);
      tree = createReader(document, spots, findings, twice).read(document.contents, [], 0);
    }
  }

  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const place = (finding: Finding): Problem => {
    const { path, part = 'value', message, value, suggestion, snippet } = finding;
    const shown = value === undefined || (typeof value === 'object' && value !== null) ? undefined : value;
    return {
      file,
      ...at(offsetOf(spots, text, path, part, snippet)),
      path: showPath(path),
      message,
      ...(shown === undefined ? {} : { value: shown }),
      ...(suggestion === undefined ? {} : { suggestion }),
    };
  };
  return {
    source: { file, tree, place, written: (path) => spots.get(spotKey(path))?.written },
    problems: [...offsets.map(([offset, problem]) => ({ file, ...at(offset), ...problem })), ...findings.map(place)],
  };
}

/**
 * Where the text is nested too deep, by its brackets and by the columns of its keys and list items; undefined where it is
 * not. The library follows levels by recursion and would exhaust the stack, so this is found out before it is asked.
 */
function tooDeepAt(text: string): number | undefined {
  let [offset, lineStart, brackets] = [0, 0, 0];
  let isText = false;
  // Where the key begins that a colon may follow, and where the keys and items begin that the present one is in.
  let keyColumn: number | undefined;
  const columns: number[] = [];
  for (const token of new Lexer().lex(text)) {
    const type = isText ? 'scalar' : CST.tokenType(token);
    isText = token === CST.SCALAR;
    if (token === CST.SCALAR || token === CST.DOCUMENT || token === CST.FLOW_END) continue;
    const column = offset - lineStart;
    if (type === 'flow-seq-start' || type === 'flow-map-start') brackets++;
    else if (type === 'flow-seq-end' || type === 'flow-map-end') brackets--;
    else if (brackets === 0 && (type === 'seq-item-ind' || type === 'explicit-key-ind' || type === 'map-value-ind')) {
      const from = type === 'map-value-ind' ? (keyColumn ?? column) : column;
      while ((columns.at(-1) ?? -1) >= from) columns.pop();
      columns.push(from);
      keyColumn = undefined;
    } else if (type !== 'space') keyColumn ??= column;
    if (brackets + columns.length > MAX_DEPTH) return offset;
    offset += token.length;
    if (token.endsWith('\n')) [lineStart, keyColumn] = [offset, undefined];
  }
  return undefined;
}

/** Reads nodes into plain values. `toJS()` of the library does the same, but says nothing about where a value stood. */
function createReader(
  document: ReturnType<typeof parseDocument>,
  spots: Map<string, Spot>,
  findings: Finding[],
  twice: (offset: number) => void,
) {
  let nodes = 0;

  const read = (node: unknown, path: Path, depth: number, key?: number): unknown => {
    const range = isNode(node) ? node.range : undefined;
    const written = isScalar(node) && (typeof node.value === 'number' || typeof node.value === 'boolean') ? sourceOf(node) : undefined;
    spots.set(spotKey(path), {
      ...(key === undefined ? {} : { key }),
      ...(range === undefined || range === null ? {} : { value: [range[0], range[1]] as const }),
      ...(written === undefined ? {} : { written }),
    });
    nodes++;
    if (nodes > MAX_NODES) {
      if (nodes === MAX_NODES + 1) findings.push({ path: [], message: `has more than ${MAX_NODES} values once its aliases are followed` });
      return undefined;
    }
    if (depth > MAX_DEPTH) {
      findings.push({ path, message: TOO_DEEP });
      return undefined;
    }
    if (isNode(node) && node.tag !== undefined && !CORE_TAG.test(node.tag)) {
      findings.push({ path, message: `has the tag ${node.tag}; tags are not read` });
      return undefined;
    }
    if (isAlias(node)) return read(resolve(node, path), path, depth + 1, key);
    if (isScalar(node)) return node.value;
    if (isSeq(node)) return node.items.map((item, index) => read(item, [...path, index], depth + 1));
    if (isMap(node)) return readMap(node.items, path, depth);
    return null;
  };

  const resolve = (alias: Alias, path: Path): unknown => {
    const node = alias.resolve(document);
    if (node === undefined) findings.push({ path, message: `is an alias of ${alias.source}, which is not defined before it` });
    return node;
  };

  const readMap = (items: readonly unknown[], path: Path, depth: number): unknown => {
    const map: Record<string, unknown> = {};
    for (const pair of items) {
      if (!isPair(pair)) continue;
      const name = keyOf(pair.key);
      if (name !== undefined && Object.hasOwn(map, name)) twice(keySpot(pair.key).key ?? 0);
      if (name === undefined) {
        findings.push({ path, message: 'has a key that is not plain text' });
      } else if (name === '__proto__') {
        spots.set(spotKey([...path, name]), keySpot(pair.key));
        findings.push({ path: [...path, name], part: 'key', message: 'is not allowed as a key' });
      } else if (name === '<<') {
        spots.set(spotKey([...path, name]), keySpot(pair.key));
        findings.push({
          path: [...path, name],
          part: 'key',
          message: 'is a merge key, which YAML 1.2 does not have; write the keys out, or share whole values by an alias',
        });
      } else {
        map[name] = read(pair.value, [...path, name], depth + 1, keySpot(pair.key).key);
      }
    }
    return map;
  };

  return { read };
}

function keySpot(key: unknown): Spot {
  const offset = isNode(key) ? key.range?.[0] : undefined;
  return offset === undefined ? {} : { key: offset };
}

function keyOf(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  return typeof key.value === 'string' ? key.value : (sourceOf(key) ?? String(key.value));
}

function sourceOf(node: Scalar): string | undefined {
  return typeof node.source === 'string' ? node.source : undefined;
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value);
}

/** The nearest known place: what is missing has none, so the map that lacks it is pointed at by its key. */
function offsetOf(spots: Map<string, Spot>, text: string, path: Path, part: 'key' | 'value', snippet: string | undefined): number {
  for (let length = path.length; length >= 0; length--) {
    const spot = spots.get(spotKey(path.slice(0, length)));
    if (spot === undefined) continue;
    const exact = length === path.length;
    if (snippet !== undefined && spot.value !== undefined) {
      const found = text.slice(...spot.value).indexOf(snippet);
      if (found !== -1) return spot.value[0] + found;
    }
    if (exact && part === 'value') return spot.value?.[0] ?? spot.key ?? 0;
    return spot.key ?? spot.value?.[0] ?? 0;
  }
  return 0;
}

function spotKey(path: Path): string {
  return JSON.stringify(path);
}

/** The library's messages start with a capital and may quote several lines. */
function lowerFirst(message: string): string {
  const line = message.split('\n', 1)[0] ?? message;
  return `is not valid YAML: ${line.charAt(0).toLowerCase()}${line.slice(1)}`;
}

/** True for a map of a parsed document. */
export function isTreeMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path of a parsed document; undefined where there is none. */
export function valueAt(tree: unknown, path: Path): unknown {
  let value: unknown = tree;
  for (const part of path) {
    if (typeof part === 'number') value = Array.isArray(value) ? value[part] : undefined;
    else value = isTreeMap(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  }
  return value;
}
