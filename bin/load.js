// Loads what was built. V8 compiles a function when it is first called, and Node's own compile cache keeps only what was compiled before a
// module ran, which is little of it. Here the code is kept after a command ran, so that the next run of it finds all that it calls compiled:
// a third of the time between the start of a command and its first request to anybody.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

/** So many runs of a command add what they called to what is kept. */
const LEARNING_RUNS = 3;
/** V8 drops the code of what was not called for long, so that who ran for longer has less to keep than is kept already. */
const YOUNG_S = 20;
/** A build that was not run for so long, or has been replaced, is forgotten when another one is first run. */
const FORGOTTEN_MS = 30 * 24 * 3_600_000;
/**
 * A file of ours begins with this, the runs that it has learnt from, and the length of the code that follows, twice: V8 runs what it is given,
 * so that one bit that was turned on a disk would be a crash at every start, and two copies are compared sooner than what adds up sums is loaded.
 */
const MAGIC = 0x53504e32;
const HEAD_BYTES = 16;
/** Smaller modules are compiled sooner than their code is found. */
const SMALL_BYTES = 4_096;

/**
 * Runs a built module and what it requires: CommonJS that is wrapped in `(function (exports, require, module, __filename, __dirname) {`
 * and `})`. Loads what lies beside it, and builtins; nothing else is required in a build.
 * @param {string} entry absolute path; beside it stands the digest of its build, as `.id`
 * @param {string} use what it is run for, such as `down`: each use keeps the code that it needs
 * @param {number} [keepAfterMs] for what runs on: when its code is kept, or at its end where that is sooner
 * @returns what the module exports
 */
exports.load = function load(entry, use, keepAfterMs) {
  const kept = keptCode(cacheFolder(entry), use);
  const modules = new Map();
  const run = (file) => {
    const known = modules.get(file);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    modules.set(file, module);
    try {
      // What is built is ASCII, of which this makes a string without looking at it, and wrapped, so that no second one is made.
      const wrapper = kept.compile(file, fs.readFileSync(file, 'latin1'));
      const folder = path.dirname(file);
      const requires = (id) => (id.startsWith('.') ? run(path.join(folder, id)) : require(id));
      wrapper(module.exports, requires, module, file, folder);
      return module.exports;
    } catch (thrown) {
      // Or whoever asks next would be given an empty one.
      modules.delete(file);
      throw thrown;
    }
  };
  // What failed has called other things than what the next run will call.
  process.once('exit', (code) => (code === 0 && process.uptime() < YOUNG_S ? kept.write() : undefined));
  if (keepAfterMs !== undefined) setTimeout(() => kept.write(), keepAfterMs).unref();
  return run(entry);
};

/**
 * The folder for the code of this build under this Node, in the user's own cache: in one that others can write it would be a way to run
 * theirs. Undefined where there is none, or none is wanted.
 */
function cacheFolder(entry) {
  const { HOME, XDG_CACHE_HOME, NODE_DISABLE_COMPILE_CACHE } = process.env;
  const caches = XDG_CACHE_HOME || (HOME ? path.join(HOME, '.cache') : '');
  if (NODE_DISABLE_COMPILE_CACHE || !path.isAbsolute(caches)) return undefined;
  const build = fs.readFileSync(entry.replace(/\.cjs$/, '.id'), 'latin1').trim();
  return path.join(caches, 'spin', 'code', `${build}-${process.version}-${process.arch}`);
}

function keptCode(folder, use) {
  const learning = [];
  return {
    compile: (file, source) => {
      if (folder === undefined || source.length < SMALL_BYTES) return new vm.Script(source, { filename: file }).runInThisContext();
      const place = path.join(folder, `${path.basename(file, '.cjs')}.${use}`);
      const found = readCode(place);
      const script = new vm.Script(source, { filename: file, cachedData: found?.code });
      const runs = found === undefined || script.cachedDataRejected ? 0 : found.runs;
      if (runs < LEARNING_RUNS) learning.push({ place, script, runs: runs + 1 });
      return script.runInThisContext();
    },
    write: () => {
      if (learning.length === 0) return;
      try {
        const isNew = fs.mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined;
        for (const { place, script, runs } of learning) writeCode(place, runs, script.createCachedData());
        if (isNew) forgetOld(path.dirname(folder));
      } catch {
        // No command fails, and no keeper ends, for what could not be kept: on a full disk, or in a folder that root made with this home.
      }
    },
  };
}

/** Nothing where there is no such file, or one that is not wholly ours: V8 takes code as it is. */
function readCode(place) {
  let fd;
  try {
    fd = fs.openSync(place, 'r');
    const { uid, mode } = fs.fstatSync(fd);
    if (uid !== process.geteuid() || (mode & 0o022) !== 0) return undefined;
    const bytes = fs.readFileSync(fd);
    if (bytes.length < HEAD_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined;
    const [runs, length] = [bytes.readUInt32LE(4), bytes.readUInt32LE(8)];
    const code = bytes.subarray(HEAD_BYTES, HEAD_BYTES + length);
    return code.equals(bytes.subarray(HEAD_BYTES + length)) ? { runs, code } : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

/** Whole or not at all, also where the machine goes down in between. @throws system errors */
function writeCode(place, runs, code) {
  const partial = `${place}.${process.pid}.partial`;
  const head = Buffer.alloc(HEAD_BYTES);
  [MAGIC, runs, code.length].forEach((number, index) => head.writeUInt32LE(number, index * 4));
  try {
    fs.writeFileSync(partial, Buffer.concat([head, code, code]), { mode: 0o600, flag: 'wx', flush: true });
    fs.renameSync(partial, place);
  } catch (thrown) {
    fs.rmSync(partial, { force: true });
    throw thrown;
  }
}

function forgetOld(parent) {
  for (const name of fs.readdirSync(parent)) {
    const old = path.join(parent, name);
    if (fs.statSync(old).mtimeMs < Date.now() - FORGOTTEN_MS) fs.rmSync(old, { recursive: true, force: true });
  }
}
