import { request } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { BenchFolder } from './bench-folder.ts';
import { BenchFailure } from './command.ts';

const TIMEOUT_MS = 60_000;

/**
 * Watches the small servers from outside, without polling: each connects to the bench when its process starts. When one says that it
 * listens it is asked over HTTP, and it is healthy when it has answered; when its connection ends, the kernel has taken its process away.
 */
export class ServersWatch {
  readonly path: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #healthy = new Map<number, number>();
  #lastGone = 0;
  #changed: () => void = () => undefined;

  constructor(folder: BenchFolder) {
    this.path = join(folder.root, 'bench.sock');
    this.#server = createServer((socket) => this.#add(socket));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.path, resolve));
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** When the last of `count` servers gave its first answer, on performance.now(). @throws BenchFailure */
  async allHealthy(count: number): Promise<number> {
    await this.#until(() => this.#healthy.size >= count, `${count} servers were not healthy`);
    return Math.max(...this.#healthy.values());
  }

  /** When the last server's process was gone, on performance.now(). @throws BenchFailure */
  async allGone(): Promise<number> {
    await this.#until(() => this.#sockets.size === 0, 'some servers did not go');
    this.#healthy.clear();
    return this.#lastGone;
  }

  #add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setEncoding('utf8').on('data', (text: string) => ask(Number(text), () => this.#answered(Number(text))));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#lastGone = performance.now();
      this.#changed();
    });
  }

  #answered(port: number): void {
    this.#healthy.set(port, performance.now());
    this.#changed();
  }

  async #until(isSo: () => boolean, otherwise: string): Promise<void> {
    const giveUp = performance.now() + TIMEOUT_MS;
    while (!isSo()) {
      if (performance.now() > giveUp) throw new BenchFailure(`${otherwise} within ${TIMEOUT_MS / 1_000} s`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1_000);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

function ask(port: number, answered: () => void): void {
  const asked = request({ host: '127.0.0.1', port, agent: false }, (response) => {
    response.resume();
    if (response.statusCode === 200) answered();
  });
  asked.on('error', () => undefined);
  asked.end();
}
