import { request } from 'node:http';
import { createConnection } from 'node:net';
import { exactDuration } from '../core/duration.ts';
import { messageOf } from '../core/errors.ts';
import type { HealthProbe } from '../spec/spec.ts';

/** What came of a probe: undefined where it passed, else one line on why it did not, and whether anything listens. */
export type ProbeResult = undefined | { readonly reason: string; readonly opened: boolean };

/** GET; passes with the status asked for, else with any of 200 to 399. The body is not waited for. */
export function probeHttp(
  probe: HealthProbe & { readonly type: 'http' },
  host: string,
  port: number,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    let opened = false;
    const headers = { 'user-agent': 'spin-health', connection: 'close' };
    const asked = request({ host, port, path: probe.path, agent: false, headers, ...given(signal) }, (response) => {
      const status = response.statusCode ?? 0;
      const good = probe.status === undefined ? status >= 200 && status < 400 : status === probe.status;
      settle(good ? undefined : `GET ${probe.path} answered ${status}`);
    });
    const timer = setTimeout(() => settle(`GET ${probe.path} gave no answer within ${exactDuration(timeoutMs)}`), timeoutMs);
    const settle = (reason: string | undefined): void => {
      clearTimeout(timer);
      asked.destroy();
      resolve(reason === undefined ? undefined : { reason, opened });
    };
    asked.on('socket', (socket) => socket.on('connect', () => (opened = true)));
    asked.on('error', (thrown) => settle(`GET ${probe.path}: ${messageOf(thrown)}`));
    asked.end();
  });
}

/** Passes where a connection is accepted. */
export function probeTcp(host: string, port: number, timeoutMs: number, signal?: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, ...given(signal) });
    const timer = setTimeout(() => settle(`port ${port} did not accept a connection within ${exactDuration(timeoutMs)}`), timeoutMs);
    const settle = (reason: string | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reason === undefined ? undefined : { reason, opened: false });
    };
    socket.on('connect', () => settle(undefined));
    socket.on('error', (thrown) => settle(`port ${port}: ${messageOf(thrown)}`));
  });
}

function given(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
