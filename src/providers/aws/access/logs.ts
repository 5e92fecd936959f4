import { gunzipSync } from 'node:zlib';
import { Fault } from '../../fault.ts';
import type { Call, LogLine, LogQuery, SpinRef } from '../../provider.ts';
import { instanceName, lives, type Machine } from '../instances/machine.ts';
import type { Region } from '../region.ts';
import { managedOf, runOn } from './remote.ts';

const LOOK_AGAIN_MS = 2_000;
const TIMEOUT_MS = 60_000;

/** Where the reading of one instance stands. */
interface Reader {
  readonly machine: Machine;
  readonly service: string;
  /** Systems Manager reaches it; else its console is all there is. */
  readonly managed: boolean;
  cursor: string | undefined;
  /** Characters of the console that were told. */
  told: number;
}

/**
 * What services print: from the journal of each instance through Systems Manager; where that does not reach an instance, from its
 * console, which holds what the machine itself says, and the first line says so.
 * @throws Fault
 */
export async function* readLogs(region: Region, spin: SpinRef, query: LogQuery, call: Call): AsyncGenerator<LogLine> {
  const readers = new Map<string, Reader>();
  for (;;) {
    await addReaders(region, spin, query, readers, call);
    const lines = (await Promise.all([...readers.values()].map((reader) => readOn(region, reader, query, call)))).flat();
    yield* lines.toSorted((a, b) => a.time - b.time);
    if (!query.follow) return;
    await call.clock.sleep(LOOK_AGAIN_MS, call.signal);
  }
}

async function addReaders(region: Region, spin: SpinRef, query: LogQuery, readers: Map<string, Reader>, call: Call): Promise<void> {
  const machines = (await region.machines.of(spin, call)).filter((machine) => {
    const wanted = query.service === undefined || serviceOf(machine) === query.service;
    return wanted && lives(machine) && machine.state === 'running';
  });
  for (const id of readers.keys()) if (!machines.some((machine) => machine.id === id)) readers.delete(id);
  const fresh = machines.filter(({ id }) => !readers.has(id));
  if (fresh.length === 0) return;
  const ids = fresh.map(({ id }) => id);
  const managed = await managedOf(region.cloud, ids, call);
  for (const machine of fresh) {
    readers.set(machine.id, { machine, service: serviceOf(machine), managed: managed.has(machine.id), cursor: undefined, told: 0 });
  }
}

function readOn(region: Region, reader: Reader, query: LogQuery, call: Call): Promise<readonly LogLine[]> {
  return reader.managed ? readJournal(region, reader, query, call) : readFromConsole(region, reader, query, call);
}

/** In parts, as one answer of Systems Manager is short. */
async function readJournal(region: Region, reader: Reader, query: LogQuery, call: Call): Promise<readonly LogLine[]> {
  const { machine, service } = reader;
  const lines: LogLine[] = [];
  for (;;) {
    const asked = { cursor: reader.cursor, since: query.since, tail: query.tail };
    const line = `/opt/spin/agent logs ${Buffer.from(JSON.stringify(asked)).toString('base64')}`;
    const { code, stdout, stderr } = await runOn(region.cloud, machine.id, line, TIMEOUT_MS, call);
    if (code !== 0)
      throw new Fault('transient', 'logs-failed', `the journal of ${instanceName(machine)} cannot be read: ${stderr.slice(0, 300)}`);
    const part = readPart(stdout);
    for (const [time, text] of part.lines) lines.push({ service, instance: instanceName(machine), time, text });
    reader.cursor = part.cursor ?? reader.cursor;
    if (!part.more) return lines;
  }
}

interface Part {
  readonly lines: readonly (readonly [number, string])[];
  readonly cursor: string | undefined;
  readonly more: boolean;
}

/** What `agent logs` prints: compressed JSON in base64. @throws Fault `transient` `logs-failed` where it is damaged */
function readPart(text: string): Part {
  try {
    const read = JSON.parse(gunzipSync(Buffer.from(text, 'base64')).toString('utf8')) as Record<string, unknown>;
    const lines = Array.isArray(read['lines']) ? read['lines'] : [];
    return {
      lines: lines.flatMap((line: unknown) =>
        Array.isArray(line) && typeof line[0] === 'number' && typeof line[1] === 'string' ? [[line[0], line[1]] as const] : [],
      ),
      cursor: typeof read['cursor'] === 'string' ? read['cursor'] : undefined,
      more: read['more'] === true,
    };
  } catch (thrown) {
    throw new Fault('transient', 'logs-failed', 'what the instance answered about its journal cannot be read', { cause: thrown });
  }
}

async function readFromConsole(region: Region, reader: Reader, query: LogQuery, call: Call): Promise<readonly LogLine[]> {
  const { machine, service } = reader;
  const text = await region.consoles.text(machine, call);
  const first = reader.told === 0;
  const news = text
    .slice(reader.told)
    .split('\n')
    .filter((line) => line.trim() !== '');
  reader.told = text.length;
  const said = { service, instance: instanceName(machine), time: call.clock.now() };
  const why = { ...said, text: '[spin] Systems Manager does not reach this instance (aws.instanceProfile): this is its console' };
  const shown = first && query.tail !== undefined ? news.slice(-query.tail) : news;
  return [...(first ? [why] : []), ...shown.map((line) => ({ ...said, text: line.replace(/\r$/, '') }))];
}

function serviceOf({ owner }: Machine): string {
  return owner.resource.replace(/^service\./, '').replace(/@\d+$/, '');
}
