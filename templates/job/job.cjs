'use strict';

const fs = require('node:fs');
const path = require('node:path');

const counts = {};
for (const word of process.argv[2].toLowerCase().split(/\W+/).filter(Boolean)) counts[word] = (counts[word] ?? 0) + 1;

const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
for (const [word, count] of sorted) console.log(`${count} ${word}`);
fs.writeFileSync(path.join(process.env.OUT_DIR, 'counts.json'), JSON.stringify(Object.fromEntries(sorted), null, 2));
