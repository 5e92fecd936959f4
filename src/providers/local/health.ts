import { request } from 'node:http';
import { createConnection } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { exactDuration } from '../../core/duration.ts';
import { messageOf } from '../../core/errors.ts';
import type { HealthProbe } from '../../spec/spec.ts';
import { runToEnd, type Surroundings } from './bootstrap.ts';

/** What came of a probe: undefined where it passed, else one line on why it did not. */
export type ProbeResult = string | undefined;

/** GET; passes with the status asked for, else with any of 200 to 399. The body is not waited for. */
export function probeHttp(
  probe: HealthProbe & { readonly type: 'http' },
  host: string,
  port: number,
  timeoutMs: number,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const asked = request(
      { host, port, path: probe.path, agent: false, headers: { 'user-agent': 'spin-health', connection: 'close' } },
      (response) => {
        const status = response.statusCode ?? 0;
        const good = probe.status === undefined ? status >= 200 && status < 400 : status === probe.status;
        settle(good ? undefined : `GET ${probe.path} answered ${status}`);
      },
    );
    const timer = setTimeout(() => settle(`GET ${probe.path} gave no answer within ${exactDuration(timeoutMs)}`), timeoutMs);
    const settle = (result: ProbeResult): void => {
      clearTimeout(timer);
      asked.destroy();
      resolve(result);
    };
    asked.on('error', (thrown) => settle(`GET ${probe.path}: ${messageOf(thrown)}`));
    asked.end();
  });
}

/** Passes where a connection is accepted. */
export function probeTcp(host: string, port: number, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    const timer = setTimeout(() => settle(`port ${port} did not accept a connection within ${exactDuration(timeoutMs)}`), timeoutMs);
    const settle = (result: ProbeResult): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    socket.on('connect', () => settle(undefined));
    socket.on('error', (thrown) => settle(`port ${port}: ${messageOf(thrown)}`));
  });
}

/** Passes where the command ends with exit code 0. */
export async function probeCommand(
  probe: HealthProbe & { readonly type: 'command' },
  surroundings: Surroundings,
  timeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<ProbeResult> {
  try {
    await runToEnd('the health command', probe.run, timeoutMs, surroundings, clock, signal);
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}
