'use strict';

const http = require('node:http');

const waiting = [];
const taken = new Map();
const done = [];
let number = 0;

const server = http.createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://queue');
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  switch (`${request.method} ${pathname}`) {
    case 'GET /healthz':
      return answer(200, 'ok');
    case 'GET /':
      return answer(200, { waiting: waiting.length, taken: taken.size, done: done.length });
    case 'POST /put':
      waiting.push({ id: ++number, text: searchParams.get('text') ?? '' });
      return answer(201, { id: number });
    case 'POST /take': {
      const item = waiting.shift();
      if (item === undefined) return answer(200, null);
      taken.set(item.id, item);
      return answer(200, item);
    }
    case 'POST /done': {
      const id = Number(searchParams.get('id'));
      if (taken.delete(id)) done.push(id);
      return answer(200, { id });
    }
    default:
      return answer(404, { error: 'no such path' });
  }
});

server.listen(Number(process.env.PORT), '127.0.0.1');

process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
