// The keeper of a local spin: `keeper.js FOLDER`, started by spin and by nobody else.
require('./compile-cache.js');
require('../dist/keeper.cjs');
