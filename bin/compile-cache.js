// Keeps compiled code in the user's own cache folder: in a folder that others can write it would be a way to run theirs.
var path = require('node:path');

var caches = process.env.XDG_CACHE_HOME || (process.env.HOME && path.join(process.env.HOME, '.cache'));
if (caches) require('node:module').enableCompileCache(path.join(caches, 'spin', 'compile'));
