'use strict';

const http = require('node:http');

const api = process.env.API_URL;

const server = http.createServer(async (request, response) => {
  if (request.url === '/healthz') {
    response.end('ok\n');
    return;
  }
  try {
    const answer = await fetch(new URL(request.url, api));
    const { greeting, servedBy } = await answer.json();
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    response.end(`${greeting} from web ${process.pid} by way of api ${servedBy}\n`);
  } catch (error) {
    response.statusCode = 502;
    response.end(`the api does not answer: ${error.message}\n`);
  }
});

server.listen(Number(process.env.PORT), '127.0.0.1');

process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
