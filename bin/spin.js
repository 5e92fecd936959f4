#!/usr/bin/env node
// Written for any Node, however old: its only task there is to say that it is too old.
var major = Number(process.versions.node.split('.')[0]);
var minor = Number(process.versions.node.split('.')[1]);

if (major < 22 || (major === 22 && minor < 19) || major === 23) {
  process.stderr.write('spin needs Node 22.19 or later (not 23); this is v' + process.versions.node + '\n');
  process.exitCode = 2;
} else {
  var path = require('node:path');
  // In the user's own cache folder: a cache of code in a folder that others can write would be a way to run theirs.
  var caches = process.env.XDG_CACHE_HOME || (process.env.HOME && path.join(process.env.HOME, '.cache'));
  if (caches) require('node:module').enableCompileCache(path.join(caches, 'spin', 'compile'));
  require('../dist/main.cjs').main(path.dirname(__dirname));
}
