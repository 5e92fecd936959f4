// A small HTTP server that listens 300 ms after its start, or after START_MS. It holds a connection to the bench as long as it lives:
// what it writes there says that it listens, and that the connection ends says, to the millisecond, that the process is gone.
import { createServer } from 'node:http';
import { createConnection } from 'node:net';

const { PORT, BENCH_SOCKET, START_MS = '300' } = process.env;
const line = BENCH_SOCKET === undefined ? undefined : createConnection(BENCH_SOCKET);
line?.on('error', () => {});
line?.resume();
line?.unref();
setTimeout(() => {
  const server = createServer((_request, response) => response.end('ok\n'));
  server.listen(Number(PORT), '127.0.0.1', () => line?.write(`${PORT}\n`));
}, Number(START_MS));
