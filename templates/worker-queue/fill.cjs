'use strict';

const [queue, count] = process.argv.slice(2);

async function fill() {
  for (let i = 1; i <= Number(count); i++) {
    const answer = await fetch(new URL(`/put?text=item-${i}`, queue), { method: 'POST' });
    if (!answer.ok) throw new Error(`the queue answered ${answer.status}`);
  }
  console.log(`put ${count} items`);
}

fill().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
