/**
 * Preloaded into real processes of spin, which know nothing of it: counts everything that they do to the state folder, to other processes and
 * to the keeper, and breaks one such boundary. Only spin's own programs are tapped, not what they start.
 */
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { basename } from 'node:path';
import { type Orders, ORDERS, type Point, type Pretence, REFUSALS, lineOf } from './orders.ts';

const fs = process.getBuiltinModule('node:fs');
const childProcess = process.getBuiltinModule('node:child_process');
const net = process.getBuiltinModule('node:net');

const orders = process.env[ORDERS] === undefined ? undefined : (JSON.parse(process.env[ORDERS]) as Orders);
const who = programOf(process.argv);
if (orders !== undefined && who !== undefined) {
  pretend(orders.pretend ?? {});
  tap(orders, who);
}

function pretend({ host, skewMs = 0 }: Pretence): void {
  const os = process.getBuiltinModule('node:os');
  if (host !== undefined) os.hostname = () => host;
  const now = Date.now.bind(Date);
  if (skewMs !== 0) Date.now = () => now() + skewMs;
}

/** A keeper, or the command that a spin runs: the first word that is no option and no option's value. */
function programOf([, program = '', ...args]: readonly string[]): string | undefined {
  if (basename(program) === 'keeper.js') return 'keeper';
  return basename(program) === 'spin.js' ? args.find((arg, index) => !arg.startsWith('-') && args[index - 1] !== '--state') : undefined;
}

function tap({ log, state, at }: Orders, who: string): void {
  const told = fs.openSync(log, 'a');
  const { writeSync, existsSync, lstatSync, closeSync } = fs;
  const kill = process.kill.bind(process);
  const counts = new Map<string, number>();
  /** Paths of files that are open for writing, by descriptor. */
  const files = new Map<number, string>();

  const tell = (kind: 'boundary' | 'break' | 'move', point: Point): void => void writeSync(told, lineOf({ kind, pid: process.pid, point }));

  /** Counts a boundary; the break where it is the one that is to break. */
  const reach = (what: string): Orders['at'] => {
    const nth = (counts.get(what) ?? 0) + 1;
    counts.set(what, nth);
    const point = { who, what, nth };
    tell('boundary', point);
    return at?.who === who && at.what === what && nth >= at.nth && nth < at.nth + (at.how === 'throttled' ? REFUSALS : 1) ? at : undefined;
  };
  /** Of one trial one keeper is killed: whoever takes its place inherits the orders, and lives. */
  const isFirstKeeper = (): boolean => {
    try {
      closeSync(fs.openSync(`${log}.keeper`, 'wx'));
      return true;
    } catch {
      return false;
    }
  };
  const end = (hit: Point, signal: 'SIGKILL' | 'SIGSTOP'): void => {
    if (hit.who === 'keeper' && !isFirstKeeper()) return;
    tell('break', { who: hit.who, what: hit.what, nth: hit.nth });
    kill(process.pid, signal);
  };
  const before = (hit: Orders['at']): void => {
    if (hit?.how === 'kill-before') end(hit, 'SIGKILL');
    if (hit?.how === 'stop-before') end(hit, 'SIGSTOP');
  };
  const after = (hit: Orders['at']): void => {
    if (hit?.how === 'kill-after') end(hit, 'SIGKILL');
  };

  /** A member of a module, with a boundary around each call that is one. Whatever it returns, now or later, comes after the boundary. */
  const wrap = <T extends object>(owner: T, name: keyof T & string, whatOf: (args: readonly unknown[]) => string | undefined): void => {
    const original: unknown = Reflect.get(owner, name);
    if (typeof original !== 'function') return;
    const wrapped = function (this: unknown, ...args: unknown[]): unknown {
      const what = whatOf(args);
      if (what === undefined) return Reflect.apply(original, this, args);
      const hit = reach(what);
      before(hit);
      const answer: unknown = Reflect.apply(original, this, args);
      if (!(answer instanceof Promise)) {
        after(hit);
        return answer;
      }
      return answer.then((value: unknown) => {
        after(hit);
        return value;
      });
    };
    Object.defineProperty(wrapped, 'name', { value: name });
    // What promisify finds on some members of fs.
    Object.assign(wrapped, original);
    Reflect.set(owner, name, wrapped);
  };

  const placeOf = (path: unknown): string | undefined => (typeof path === 'string' ? placeIn(state, named(path)) : undefined);
  const isThere = (path: unknown): boolean => lstatSync(String(path), { throwIfNoEntry: false }) !== undefined;

  const onPath = (operation: string, place: (args: readonly unknown[]) => string | undefined) => (args: readonly unknown[]) => {
    const where = place(args);
    return where === undefined ? undefined : `${operation}:${where}`;
  };
  const first = ([path]: readonly unknown[]): string | undefined => placeOf(path);
  const second = ([, path]: readonly unknown[]): string | undefined => placeOf(path);
  const statuses = new Map<string, string>();
  /** What a record that is about to be written says of its resources, against the one before. */
  const noteMoves = (draft: unknown): void => {
    for (const [key, status] of statusesIn(fs.readFileSync(String(draft), 'utf8'))) {
      const from = statuses.get(key);
      if (from !== undefined && from !== status) tell('move', { who, what: `${from}>${status}`, nth: 1 });
      statuses.set(key, status);
    }
  };
  const linked = (args: readonly unknown[]): string | undefined => {
    const place = second(args);
    if (place === 'record') noteMoves(args[0]);
    return place;
  };

  /** What is not there cannot be removed, what is there not made: neither changes anything. */
  const ifThere = (args: readonly unknown[]): string | undefined => (isThere(args[0]) ? first(args) : undefined);
  const ifMissing = (args: readonly unknown[]): string | undefined => (existsSync(String(args[0])) ? undefined : first(args));
  const ifWritten = (args: readonly unknown[]): string | undefined => (isWriting(args[1]) ? first(args) : undefined);

  for (const owner of [fs, fs.promises]) {
    const sync = owner === fs ? 'Sync' : '';
    for (const [name, what] of [
      ['mkdir', onPath('make', ifMissing)],
      ['open', onPath('open', ifWritten)],
      ['writeFile', onPath('write', first)],
      ['link', onPath('link', linked)],
      ['rename', onPath('rename', second)],
      ['rm', onPath('remove', ifThere)],
      ['rmdir', onPath('remove', ifThere)],
      ['unlink', onPath('remove', ifThere)],
      ['cp', onPath('copy', second)],
    ] as const) {
      wrap(owner, `${name}${sync}` as 'open', what);
    }
  }
  const { openSync } = fs;
  fs.openSync = (...args) => {
    const fd = openSync(...args);
    const place = isWriting(args[1]) ? placeOf(args[0]) : undefined;
    if (place === undefined) files.delete(fd);
    else files.set(fd, place);
    return fd;
  };
  wrap(fs, 'writeSync', ([fd]) => {
    const place = typeof fd === 'number' ? files.get(fd) : undefined;
    return place === undefined ? undefined : `write:${place}`;
  });

  wrap(process, 'kill', ([, signal]) => (signal === 0 ? undefined : `signal:${signalIn(signal)}`));
  wrap(childProcess, 'spawn', (args) => {
    const given = Array.isArray(args[1]) ? args[1].map(String) : [];
    return `spawn:${startedBy(given)}`;
  });
  watchChildren(childProcess, (child) => wrap(child, 'kill', ([signal]) => `signal:${signalIn(signal)}`));

  const { createConnection } = net;
  net.createConnection = ((...args: Parameters<typeof createConnection>) => {
    const socket = createConnection(...args);
    const [options] = args;
    const path: unknown = typeof options === 'object' ? Reflect.get(options, 'path') : undefined;
    if (typeof path === 'string' && path.endsWith('/keeper.sock')) tapAsking(socket, reach, { before, after, tell });
    return socket;
  }) as typeof createConnection;
}

interface Breaking {
  before(hit: Orders['at']): void;
  after(hit: Orders['at']): void;
  tell(kind: 'break', point: Point): void;
}

/** One request to the keeper over its socket, and its one answer: both are lines of JSON. */
function tapAsking(socket: Socket, reach: (what: string) => Orders['at'], breaking: Breaking): void {
  const write = socket.write.bind(socket);
  const emit = socket.emit.bind(socket);
  let hit: Orders['at'];
  socket.write = (line: string, ...rest: []) => {
    hit = reach(`ask:${requestIn(line)}`);
    breaking.before(hit);
    if (hit === undefined || hit.how === 'kill-after') return write(line, ...rest);
    breaking.tell('break', { who: hit.who, what: hit.what, nth: hit.nth });
    if (hit.how !== 'throttled') return write(line, ...rest);
    const fault = { kind: 'throttled', class: 'throttled', message: 'asked too often', lastLines: [] };
    setImmediate(() => {
      emit('data', `${JSON.stringify({ ok: false, fault })}\n`);
      emit('end');
    });
    return true;
  };
  socket.emit = (event: string | symbol, ...args: unknown[]) => {
    // The answer is there, and the caller does not know yet.
    if (event === 'data') breaking.after(hit);
    if (event === 'data' && (hit?.how === 'lose-answer' || hit?.how === 'late-answer')) return true;
    // Without an answer before it, an end is a broken connection; what is late has none before the caller has given up.
    if (event === 'end' && hit?.how === 'late-answer') return true;
    return Reflect.apply(emit, socket, [event, ...args]);
  };
}

function requestIn(line: string): string {
  const request: unknown = JSON.parse(line);
  if (typeof request !== 'object' || request === null || !('verb' in request)) return '?';
  const keys = 'keys' in request && Array.isArray(request.keys) ? request.keys.map(String) : [];
  const wanted: readonly unknown[] = 'wanted' in request && Array.isArray(request.wanted) ? request.wanted : [];
  const wantedKeys = wanted.flatMap((one) => (typeof one === 'object' && one !== null && 'key' in one ? [String(one.key)] : []));
  // In which order they came together says nothing.
  const key = [...keys, ...wantedKeys].toSorted().join('+');
  return key === '' ? String(request.verb) : `${String(request.verb)}:${key}`;
}

function signalIn(signal: unknown): string {
  return typeof signal === 'string' || typeof signal === 'number' ? String(signal) : 'SIGTERM';
}

/** Statuses by resource; none of what is no record, such as the mark of a removal. */
function statusesIn(text: string): readonly (readonly [string, string])[] {
  const stored: unknown = JSON.parse(text);
  const record: unknown = typeof stored === 'object' && stored !== null && 'record' in stored ? stored.record : undefined;
  const resources: unknown = typeof record === 'object' && record !== null && 'resources' in record ? record.resources : undefined;
  return Object.entries(resources ?? {}).map(([key, resource]) => [key, String(Reflect.get(Object(resource), 'status'))] as const);
}

/** What is started, without what differs from one run to the next. */
function startedBy(args: readonly string[]): string {
  const program = args.map((arg) => basename(arg)).find((arg) => arg === 'keeper.js' || arg === 'spin.js');
  if (program === 'keeper.js') return 'keeper';
  return program === 'spin.js' ? 'spin' : 'process';
}

/** Signals to children go past process.kill. */
function watchChildren(module: { spawn: unknown }, watch: (child: ChildProcess) => void): void {
  const { spawn } = module;
  if (typeof spawn !== 'function') return;
  module.spawn = (...args: unknown[]): unknown => {
    const child: unknown = Reflect.apply(spawn, module, args);
    watch(child as ChildProcess);
    return child;
  };
}

/** A path that goes by a descriptor, by name. */
function named(path: string): string {
  const [descriptor] = /^\/proc\/self\/fd\/\d+/.exec(path) ?? [];
  return descriptor === undefined ? path : `${fs.readlinkSync(descriptor)}${path.slice(descriptor.length)}`.replace(/\/\.$/, '');
}

function isWriting(flags: unknown): boolean {
  if (typeof flags === 'string') return /[wa+]/.test(flags);
  return typeof flags === 'number' && (flags & 3) !== 0;
}

/** A place in the state folder, the same in every run; undefined for what is elsewhere, and for journals, on which nothing rests. */
function placeIn(state: string, path: string): string | undefined {
  if (path !== state && !path.startsWith(`${state}/`)) return undefined;
  const [area = 'state', , , ...rest] = path.slice(state.length + 1).split('/');
  const parts = path.slice(state.length + 1).split('/');
  switch (area) {
    case 'journals':
      return undefined;
    case 'local':
      return rest.length === 0 ? `local.${['root', 'id', 'folder'][Math.min(parts.length, 3) - 1]}` : `local.${rest.map(nameOf).join('.')}`;
    case 'spins':
      return parts.length < 3 ? `spins.${['root', 'id'][parts.length - 1]}` : nameOf(parts[2] ?? '');
    case 'drafts':
      return parts.length > 2 ? `draft.${nameOf(parts[2] ?? '')}` : 'draft';
    default:
      return area === '' ? 'state' : parts.map(nameOf).join('.');
  }
}

/** `record` for `record.LIFE.SERIAL.json`, `fence` for a number: what is counted up names nothing. */
function nameOf(name: string): string {
  return name
    .replace(/^(record|life)\..*$/, '$1')
    .replace(/^\d+$/, 'fence')
    .replace(/\.partial-.*$/, '.partial');
}
