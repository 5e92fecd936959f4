// The keeper of a local spin: `keeper.js FOLDER`, started by spin and by nobody else.
'use strict';
const path = require('node:path');
const { load } = require('./load.js');

/** By then it has started what it was started for. */
const STARTED_MS = 2_000;

load(path.join(__dirname, '..', 'dist', 'keeper.cjs'), 'keeper', STARTED_MS);
