import { slug } from '../core/ids.ts';
import { escapeReferences, SERVICE_WORDS } from './bindings.ts';
import { GIT_WORDS, type GitFacts } from './git.ts';
import { didYouMean, type Finding, type Path } from './problems.ts';
import { quoteAfter } from './shell.ts';
import { isTreeMap, type Source } from './source.ts';

const FILTERS: Readonly<Record<string, (value: string) => string>> = { slug };
const SOURCES = ['env', 'git', 'services'];
/** No argument and no variable of a program can be longer (Linux: MAX_ARG_STRLEN). */
const LONGEST_TEXT = 131_072;
/** All texts of a document together, as they are when they are filled in. */
const MOST_CHARACTERS = 8 * 1024 * 1024;
/** Each is quoted for where it stands, which means to read all that stands before it. */
const MOST_REFERENCES = 100;
/** Suggestions are for the first to be read; to look for thousands takes too long. */
const MOST_SUGGESTED = 20;
const ANY = /\$\$\{|\$\{/g;

/** What `${env.*}` and `${git.*}` stand for. */
export interface Facts {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Undefined where no scalar asks for it. */
  readonly git: GitFacts | undefined;
}

export interface Interpolated {
  /** The tree with `${env.*}` and `${git.*}` filled in, `${services.*}` as written, and variables and tags as text. */
  readonly tree: unknown;
  readonly findings: readonly Finding[];
  /** Where the address of a service is asked for. */
  readonly references: readonly Reference[];
}

export interface Reference {
  readonly path: Path;
  readonly service: string;
  /** As written, such as `${services.db.address}`. */
  readonly raw: string;
}

/** True where some text of a tree may ask for a git fact, so that git has to be asked. */
export function usesGit(tree: unknown): boolean {
  if (typeof tree === 'string') return /\$\{\s*git\./.test(tree);
  return typeof tree === 'object' && tree !== null && Object.values(tree).some(usesGit);
}

/** Interpolates the scalars of a parsed document; text that is put in is never looked at again. */
export function interpolate(source: Source, facts: Facts): Interpolated {
  const findings: Finding[] = [];
  const references: Reference[] = [];
  let characters = 0;

  const visit = (value: unknown, path: Path): unknown => {
    if (typeof value === 'string') return fill(value, path);
    if (Array.isArray(value)) return value.map((item: unknown, index) => visit(item, [...path, index]));
    if (isTreeMap(value))
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [visitKey(key, path), visit(item, [...path, key])]));
    if ((typeof value === 'number' || typeof value === 'boolean') && isText(path)) return source.written(path) ?? String(value);
    // `volumes: {data: }` is an empty volume; elsewhere a key without a value is one that is left out.
    if (value === null) return isVolume(path) ? {} : undefined;
    return value;
  };

  const visitKey = (key: string, path: Path): string => {
    if (key.includes('${'))
      findings.push({ path: [...path, key], part: 'key', message: 'is a key, and keys are not interpolated', value: key });
    return key;
  };

  const fill = (text: string, path: Path): string => {
    const slot = slotOf(path);
    const tooLong = (message: string): string => {
      findings.push({ path, message });
      return '';
    };
    let filled = '';
    let from = 0;
    let met = 0;
    ANY.lastIndex = 0;
    for (let match = ANY.exec(text); match !== null; match = ANY.exec(text)) {
      filled += text.slice(from, match.index);
      from = ANY.lastIndex;
      if (++met > MOST_REFERENCES) return tooLong(`has more than ${MOST_REFERENCES} times \${`);
      if (filled.length > LONGEST_TEXT) break;
      if (match[0] === '$${') {
        // What looks like an address stays escaped until addresses are bound.
        filled += slot.bound && text.startsWith('services.', from) ? '$${' : '${';
        continue;
      }
      const end = text.indexOf('}', from);
      if (end === -1) {
        findings.push({ path, message: 'has a ${ that is not closed', suggestion: 'write $${ for a plain ${', snippet: '${' });
        return text;
      }
      filled += one(text.slice(match.index, end + 1), text.slice(from, end), path, slot, filled);
      from = ANY.lastIndex = end + 1;
    }
    filled += text.slice(from);
    characters += filled.length;
    if (filled.length > LONGEST_TEXT) return tooLong(`is longer than the ${LONGEST_TEXT / 1024} KiB that a program can be given`);
    if (characters > MOST_CHARACTERS)
      return tooLong(`makes the spec longer than ${MOST_CHARACTERS / 1024 / 1024} MiB once its variables are filled in`);
    return filled;
  };

  const one = (raw: string, inside: string, path: Path, slot: Slot, before: string): string => {
    const refuse = (message: string, suggestion?: string): string => {
      findings.push({ path, message, value: raw, snippet: raw, ...(suggestion === undefined ? {} : { suggestion }) });
      return raw;
    };
    const expression = parseExpression(inside);
    if (expression === undefined) return refuse(`${raw} cannot be read`, 'write ${env.NAME}, ${git.branch|slug} or ${env.NAME:-default}');
    const { origin, name, word, filters, fallback } = expression;
    if (!SOURCES.includes(origin) || name === undefined) return refuse(...unknownOrigin(raw, inside, origin, name));
    const unknownFilter = filters.find((filter) => !Object.hasOwn(FILTERS, filter));
    if (unknownFilter !== undefined)
      return refuse(
        `${raw} has an unknown filter ${unknownFilter}`,
        didYouMean(unknownFilter, Object.keys(FILTERS)) ?? 'the only filter is slug',
      );

    if (origin === 'services') {
      if (!slot.bound)
        return refuse(`${raw} cannot stand here`, 'addresses are known only in run, env, bootstrap, health commands and hooks');
      if (word === undefined || !SERVICE_WORDS.some((known) => known === word)) {
        const near = word === undefined ? undefined : didYouMean(word, SERVICE_WORDS);
        return refuse(
          `${raw} does not say what of the service: one of ${SERVICE_WORDS.join(', ')}`,
          near ?? `write \${services.${name}.address}`,
        );
      }
      if (filters.length > 0 || fallback !== undefined)
        return refuse(`${raw} cannot have a filter or default`, `write \${services.${name}.${word}}`);
      references.push({ path, service: name, raw });
      return `\${services.${name}.${word}}`;
    }
    if (word !== undefined) return refuse(`${raw} has one dot too many`, `write \${${origin}.${name}}`);

    const found = origin === 'env' ? ownValue(facts.env, name) : gitValue(facts.git, name);
    if (origin === 'git' && !GIT_WORDS.some((known) => known === name)) {
      return refuse(`${raw} is not a git fact: one of ${GIT_WORDS.join(', ')}`, didYouMean(name, GIT_WORDS));
    }
    const value =
      found === undefined || (found === '' && fallback !== undefined)
        ? fallback
        : filters.reduce((text, filter) => FILTERS[filter]?.(text) ?? text, found);
    if (value === undefined) return refuse(...unresolved(raw, inside, origin, name, facts, findings.length < MOST_SUGGESTED));
    if (!slot.shell) return slot.bound ? escapeReferences(value) : value;
    const quoted = quoteAfter(before, value);
    if (quoted === undefined) {
      return refuse(
        `the value of ${raw} holds characters that the shell would read, where no quoting is sure to hold (a here-document, $(...), a backquote)`,
        'pass it through env: and use the variable, or filter it: |slug',
      );
    }
    return escapeReferences(quoted);
  };

  return { tree: visit(source.tree, []), findings, references };
}

/** What may stand in a scalar, and how. */
interface Slot {
  /** Addresses of services are filled in later. */
  readonly bound: boolean;
  /** A shell reads it, so values are quoted. */
  readonly shell: boolean;
}

const PLAIN: Slot = { bound: false, shell: false };

/** Which scalars hold commands (of these, a string is for the shell and a list is not) and which hold variables. */
function slotOf(path: Path): Slot {
  const shape = shapeOf(path);
  if (shape === 'services.*.env.*') return { bound: true, shell: false };
  if (COMMANDS.some((command) => shape === command)) return { bound: !shape.startsWith('secrets'), shell: true };
  if (COMMANDS.some((command) => shape === `${command}[]`)) return { bound: !shape.startsWith('secrets'), shell: false };
  return PLAIN;
}

const COMMANDS = [
  'services.*.run',
  'services.*.bootstrap[].run',
  'services.*.health.command',
  'services.*.drain.hook.run',
  'services.*.drain.hook',
  'services.*.bootstrap[]',
  'evacuate.run',
  'evacuate',
  'secrets.*.command',
];

/** The path with names of services and the like as `*`, and indices as `[]`. */
function shapeOf(path: Path): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return '[]';
      const isName =
        (index === 1 && ['services', 'secrets', 'volumes', 'tags'].includes(String(path[0]))) ||
        (index === 3 && path[0] === 'services' && path[2] === 'env');
      return `${index === 0 ? '' : '.'}${isName ? '*' : part}`;
    })
    .join('');
}

/** Where a number or flag is taken as it is written: 1.10 is not 1.1. */
function isText(path: Path): boolean {
  const shape = shapeOf(path);
  return shape === 'services.*.env.*' || shape === 'tags.*' || COMMANDS.some((command) => shape === `${command}[]`);
}

function isVolume(path: Path): boolean {
  return shapeOf(path) === 'volumes.*';
}

interface Expression {
  readonly origin: string;
  readonly name: string | undefined;
  readonly word: string | undefined;
  readonly filters: readonly string[];
  readonly fallback: string | undefined;
}

function parseExpression(inside: string): Expression | undefined {
  const match = /^\s*([A-Za-z_][\w-]*)((?:\.[A-Za-z_][\w-]*)*)\s*((?:\|\s*[\w-]+\s*)*)(?::-([^]*))?$/.exec(inside);
  if (match === null) return undefined;
  const [, origin = '', names = '', filters = '', fallback] = match;
  const [name, word, ...rest] = names.split('.').slice(1);
  if (rest.length > 0 || fallback?.includes('${') === true) return undefined;
  return {
    origin,
    name,
    word,
    filters: filters
      .split('|')
      .map((filter) => filter.trim())
      .filter((filter) => filter !== ''),
    fallback,
  };
}

function ownValue(env: Facts['env'], name: string): string | undefined {
  return Object.hasOwn(env, name) ? env[name] : undefined;
}

function gitValue(git: GitFacts | undefined, name: string): string | undefined {
  const word = GIT_WORDS.find((known) => known === name);
  return word === undefined ? undefined : git?.[word];
}

function unknownOrigin(raw: string, inside: string, origin: string, name: string | undefined): [string, string] {
  if (SOURCES.includes(origin)) return [`${raw} does not say which`, `write \${${origin}.${origin === 'git' ? 'branch' : 'NAME'}}`];
  if (name === undefined)
    return [`${raw} is not known here`, `write \${env.${origin}} for spin's environment, or $\${${inside}} for the shell of the service`];
  return [`${raw} is not known here`, didYouMean(origin, SOURCES) ?? 'interpolation knows env.NAME, git.WORD and services.NAME.WORD'];
}

function unresolved(raw: string, inside: string, origin: string, name: string, facts: Facts, suggests: boolean): [string, string] {
  const fallback = `\${${inside.trim()}:-value}`;
  if (origin === 'env') {
    const near = suggests ? didYouMean(name, Object.keys(facts.env)) : undefined;
    return [
      `${raw} is not set in the environment`,
      `${near === undefined ? '' : `${near} Or `}set it (${name}=... spin ...), or give a default: ${fallback}`,
    ];
  }
  const why =
    facts.git?.commit === undefined
      ? 'the spec is not in a git repository with a commit'
      : name === 'branch'
        ? 'HEAD is detached'
        : `this commit has no ${name}`;
  return [`${raw} has no value: ${why}`, `give a default: ${fallback}`];
}
