'use strict';

const http = require('node:http');

const port = Number(process.env.PORT);

const server = http.createServer((request, response) => {
  if (request.url === '/healthz') {
    response.end('ok\n');
    return;
  }
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.end(`hello from process ${process.pid} on port ${port}\n`);
});

server.listen(port, '127.0.0.1', () => console.log(`listening on ${port}`));

// Requests under way may finish; the process ends when the last one has.
process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
