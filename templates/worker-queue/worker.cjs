'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

const queue = process.env.QUEUE_URL;
let ending = false;

process.once('SIGTERM', () => {
  ending = true;
});

async function post(path) {
  const answer = await fetch(new URL(path, queue), { method: 'POST' });
  return answer.json();
}

async function work() {
  while (!ending) {
    const item = await post('/take').catch(() => null);
    if (item === null) {
      await sleep(200);
      continue;
    }
    await sleep(50);
    await post(`/done?id=${item.id}`);
    console.log(`did ${item.text}`);
  }
}

void work().then(() => process.exit(0));
