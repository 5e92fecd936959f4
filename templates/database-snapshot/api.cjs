'use strict';

const http = require('node:http');
const net = require('node:net');
const { text } = require('node:stream/consumers');

async function ask(verb, args = {}) {
  const socket = net.connect(Number(process.env.DB_PORT), process.env.DB_HOST);
  socket.write(`${JSON.stringify({ password: process.env.DB_PASSWORD, verb, ...args })}\n`);
  const { result, error } = JSON.parse(await text(socket));
  if (error !== undefined) throw new Error(error);
  return result;
}

const server = http.createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://api');
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(body)}\n`);
  };
  try {
    if (pathname === '/healthz') answer(200, 'ok');
    else if (pathname === '/customers' && request.method === 'POST') answer(201, await ask('add', { name: searchParams.get('name') }));
    else if (pathname === '/customers' || pathname === '/') answer(200, await ask('list'));
    else answer(404, { error: 'no such path' });
  } catch (error) {
    answer(502, { error: error.message });
  }
});

server.listen(Number(process.env.PORT), '127.0.0.1');

process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
