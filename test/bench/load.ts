import { Agent, request } from 'node:http';
import { BenchFailure } from './command.ts';
import { quantile } from './figures.ts';

export interface Load {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly requests: number;
}

/** Sends requests over `connections` kept-alive connections, each with one request at a time, for so long. @throws BenchFailure */
export async function load(url: string, connections: number, forMs: number): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const latencies: number[] = [];
  const begun = performance.now();
  const end = begun + forMs;
  const loop = async (): Promise<void> => {
    while (performance.now() < end) latencies.push(await once(url, agent));
  };
  try {
    await Promise.all(Array.from({ length: connections }, loop));
  } finally {
    agent.destroy();
  }
  const tookMs = performance.now() - begun;
  const sorted = Float64Array.from(latencies).toSorted();
  return {
    perSecond: (latencies.length * 1_000) / tookMs,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    requests: latencies.length,
  };
}

/** Milliseconds until the whole answer was there. */
function once(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const asked = request(url, { agent }, (response) => {
      response.resume();
      response.once('end', () => {
        if (response.statusCode === 200) resolve(performance.now() - start);
        else reject(new BenchFailure(`${url} answered ${response.statusCode}`));
      });
    });
    asked.once('error', reject);
    asked.end();
  });
}
