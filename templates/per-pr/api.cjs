'use strict';

const http = require('node:http');

const server = http.createServer((request, response) => {
  if (request.url === '/healthz') {
    response.end('ok\n');
    return;
  }
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ greeting: 'hello', path: request.url, servedBy: process.pid }));
});

server.listen(Number(process.env.PORT), '127.0.0.1');

process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
