#!/usr/bin/env node
// Written for any Node, however old: its only task there is to say that it is too old.
var major = Number(process.versions.node.split('.')[0]);
var minor = Number(process.versions.node.split('.')[1]);

if (major < 22 || (major === 22 && minor < 19) || major === 23) {
  process.stderr.write('spin needs Node 22.19 or later (not 23); this is v' + process.versions.node + '\n');
  process.exitCode = 2;
} else {
  var path = require('node:path');
  var root = path.dirname(__dirname);
  var command = /^[a-z]{1,20}$/.test(process.argv[2] || '') ? process.argv[2] : 'spin';
  require('./load.js')
    .load(path.join(root, 'dist', 'main.cjs'), command)
    .main(root);
}
