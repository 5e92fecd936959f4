'use strict';

// The smallest database that is one: a line in (JSON with password, verb and arguments), a line out.
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const readline = require('node:readline');

const file = path.join(process.env.DATA_DIR, 'customers.json');
const database = JSON.parse(fs.readFileSync(file, 'utf8'));

const verbs = {
  list: () => database.rows,
  add: ({ name }) => {
    const row = { id: database.rows.length + 1, name, active: true };
    database.rows.push(row);
    fs.writeFileSync(`${file}.new`, JSON.stringify(database, null, 2));
    fs.renameSync(`${file}.new`, file);
    return row;
  },
};

function reply(line) {
  const { password, verb, ...args } = JSON.parse(line);
  if (password !== process.env.DB_PASSWORD) return { error: 'wrong password' };
  return Object.hasOwn(verbs, verb) ? { result: verbs[verb](args) } : { error: `no verb ${verb}` };
}

const server = net.createServer((socket) => {
  socket.on('error', () => socket.destroy());
  readline.createInterface({ input: socket }).on('line', (line) => {
    let answer;
    try {
      answer = reply(line);
    } catch (error) {
      answer = { error: error.message };
    }
    socket.end(`${JSON.stringify(answer)}\n`);
  });
});

server.listen(Number(process.env.PORT), '127.0.0.1');
process.once('SIGTERM', () => server.close(() => process.exit(0)));
