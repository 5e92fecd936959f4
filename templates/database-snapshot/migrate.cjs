'use strict';

const fs = require('node:fs');
const path = require('node:path');

const file = path.join(process.env.DATA_DIR, 'customers.json');
const database = JSON.parse(fs.readFileSync(file, 'utf8'));

if (database.version < 2) {
  for (const customer of database.rows) customer.active ??= true;
  database.version = 2;
  fs.writeFileSync(`${file}.new`, JSON.stringify(database, null, 2));
  fs.renameSync(`${file}.new`, file);
}
console.log(`the database has version ${database.version} and ${database.rows.length} rows`);
