import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { exactDuration } from '../core/duration.ts';
import { messageOf, systemCode } from '../core/errors.ts';
import type { Command, SecretSource } from '../spec/spec.ts';
import { Fault } from './fault.ts';

/** What the sources of secrets read: the caller's environment, and the folder that paths and commands start from. */
export interface SecretIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly baseDir: string;
  readonly signal: AbortSignal;
}

/** Longer values fit in no environment variable (128 KiB with its name, on Linux). */
const LONGEST_VALUE = 65_536;
/** Shorter values cannot be kept out of logs without ruining them. */
export const SHORTEST_VALUE = 4;

/**
 * Gets a secret's value from its source. It passes through no argument list and no environment but the source's own.
 * Refused: empty values, those of less than 4 characters, over 64 KiB, with a NUL or not UTF-8.
 * @throws Fault `secret-unresolved`; its message never holds the value, nor what a command printed
 */
export async function readSecretSource(name: string, source: SecretSource, io: SecretIo): Promise<string> {
  return checked(name, await valueOf(name, source, io));
}

async function valueOf(name: string, source: SecretSource, io: SecretIo): Promise<string> {
  switch (source.from) {
    case 'generate':
      // URL-safe base64 carries 6 bits a character: needs no quoting in URLs, shells or YAML.
      return process
        .getBuiltinModule('node:crypto')
        .randomBytes(Math.ceil((source.length * 3) / 4))
        .toString('base64url')
        .slice(0, source.length);
    case 'env': {
      const value = io.env[source.variable];
      if (value === undefined) throw unresolved(name, `the environment variable ${source.variable} is not set`);
      return value;
    }
    case 'file':
      return withoutNewline(decoded(name, await readBounded(name, resolve(io.baseDir, source.path))));
    case 'command':
      return withoutNewline(decoded(name, await outputOf(name, source.command, source.timeoutMs, io)));
  }
}

async function readBounded(name: string, path: string): Promise<Uint8Array> {
  try {
    const handle = await open(path, 'r');
    try {
      const bytes = Buffer.alloc(LONGEST_VALUE + 3);
      let length = 0;
      for (;;) {
        const { bytesRead } = await handle.read(bytes, length, bytes.length - length, null);
        length += bytesRead;
        if (bytesRead === 0 || length === bytes.length) return bytes.subarray(0, length);
      }
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    const code = systemCode(thrown);
    throw unresolved(
      name,
      `its file cannot be read: ${messageOf(thrown)}`,
      code === 'EACCES' || code === 'EPERM' ? 'denied' : 'invalid',
      thrown,
    );
  }
}

/** Standard output of a command. What it prints on standard error is dropped: it may hold the value. */
async function outputOf(name: string, command: Command, timeoutMs: number, io: SecretIo): Promise<Uint8Array> {
  const { execa } = await import('execa');
  const [file, args, shell] = typeof command === 'string' ? [command, [], true] : [command[0], command.slice(1), false];
  const shown = JSON.stringify(typeof command === 'string' ? command : command.join(' '));
  const child = execa(file, args, {
    shell,
    cwd: io.baseDir,
    env: io.env,
    extendEnv: false,
    stdin: 'ignore',
    stderr: 'ignore',
    encoding: 'buffer',
    stripFinalNewline: false,
    maxBuffer: LONGEST_VALUE + 2,
    reject: false,
    // A group of its own, so that what a shell started ends with it.
    detached: true,
    timeout: timeoutMs,
    cancelSignal: io.signal,
    killSignal: 'SIGKILL',
  });
  const endGroup = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // The group is gone, which is what was asked for.
    }
  };
  const timer = setTimeout(endGroup, timeoutMs);
  io.signal.addEventListener('abort', endGroup, { once: true });
  try {
    const result = await child;
    io.signal.throwIfAborted();
    if (!result.failed) return result.stdout;
    endGroup();
    if (result.timedOut) throw unresolved(name, `its command did not end within ${exactDuration(timeoutMs)}: ${shown}`);
    if (result.isMaxBuffer) throw unresolved(name, `its command printed more than ${LONGEST_VALUE} bytes: ${shown}`);
    if (result.exitCode === 127 || result.code === 'ENOENT') throw unresolved(name, `its command was not found: ${shown}`);
    if (result.exitCode === 126 || result.code === 'EACCES') throw unresolved(name, `its command may not be run: ${shown}`, 'denied');
    const how = result.exitCode === undefined ? `was ended by ${result.signal ?? 'a failure to start'}` : `exited with ${result.exitCode}`;
    throw unresolved(name, `its command ${how} (run it by hand to see why): ${shown}`);
  } finally {
    clearTimeout(timer);
    io.signal.removeEventListener('abort', endGroup);
  }
}

function decoded(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Without the cause: it might quote the bytes.
    throw unresolved(name, 'its value is not UTF-8 text');
  }
}

function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}

function checked(name: string, value: string): string {
  if (value === '') throw unresolved(name, 'its value is empty');
  if (value.length < SHORTEST_VALUE)
    throw unresolved(name, `its value has less than ${SHORTEST_VALUE} characters and could not be kept out of logs`);
  if (Buffer.byteLength(value) > LONGEST_VALUE) throw unresolved(name, `its value is longer than ${LONGEST_VALUE} bytes`);
  if (value.includes('\0')) throw unresolved(name, 'its value holds a NUL character');
  return value;
}

function unresolved(name: string, why: string, kind: 'invalid' | 'denied' = 'invalid', cause?: unknown): Fault {
  return new Fault(kind, 'secret-unresolved', `secret ${name}: ${why}`, cause === undefined ? {} : { cause });
}
