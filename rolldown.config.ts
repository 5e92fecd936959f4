import { createHash } from 'node:crypto';
import { defineConfig, type OutputBundle, type PluginContext, type RolldownOptions } from 'rolldown';

const COMMANDER = /node_modules[/\\]commander[/\\]/;

// What every command needs: in one file, because twenty small ones take longer to open than to run.
const START =
  /src[/\\](?:core[/\\]|store[/\\](?!s3))|src[/\\]spec[/\\](?:config|settings|readers|problems)\.ts$|src[/\\]cli[/\\](?!main|keeper|program|completion|confirm|reporters[/\\]terminal|views[/\\](?!parts))|src[/\\](?:cost[/\\]intervals|lifecycle[/\\]state)\.ts$/;

// What only `ls` needs beside that.
const LS = /src[/\\]cli[/\\]views[/\\]ls\.ts$|src[/\\]app[/\\](?:ls|summary)\.ts$/;

// What stands between `down` and the first signal that it has sent: in one file for the same reason.
const DOWN =
  /src[/\\]cli[/\\]views[/\\]down\.ts$|src[/\\]app[/\\](?:down|spec-request|work-on|emitter|providers)\.ts$|src[/\\]lifecycle[/\\](?:dissolve|release|effects|evacuate|watch|withdraw|work|retries|table|proving|taken-over)\.ts$|src[/\\]telemetry[/\\]timings\.ts$|src[/\\]plan[/\\]bindings\.ts$|src[/\\]providers[/\\](?:registry|fault|bind)\.ts$/;

// What any command asks AWS with, and what an `up` asks it first; with what they import, that would be sixty files.
const AWS = /src[/\\]providers[/\\]aws[/\\]aws\.ts$|node_modules[/\\]@aws-sdk[/\\]client-ec2[/\\]/;
const AWS_UP = /src[/\\]providers[/\\]aws[/\\](?:place|price[/\\]prices|preflight[/\\]early)\.ts$/;

// CommonJS, because Node starts it several milliseconds sooner than ES modules.
const shared = {
  platform: 'node',
  // The SDK's ES modules can be shaken: a tenth of the EC2 client is left, which is less to load.
  resolve: { mainFields: ['module', 'main'] },
  output: {
    dir: 'dist',
    format: 'cjs',
    entryFileNames: '[name].cjs',
    // Native imports would load Node's other module system, which takes longer than most of what is imported.
    dynamicImportInCjs: false,
    minify: { compress: true, mangle: false, codegen: true },
  },
} satisfies RolldownOptions;

// One character outside Latin-1 has Node keep, hash and scan a whole file at two bytes each; in what we print they stand in literals only.
const ascii = {
  name: 'ascii',
  // After the minifier, which would write them out again.
  generateBundle: (_options: unknown, bundle: OutputBundle) => {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== 'chunk') continue;
      chunk.code = chunk.code.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
    }
  },
};

/** As CommonJS is run, and bin/load.js does not have to make another text of so many characters at every start. */
const wrapped = {
  name: 'wrapped',
  generateBundle: (_options: unknown, bundle: OutputBundle) => {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type === 'chunk') chunk.code = `(function (exports, require, module, __filename, __dirname) {${chunk.code}\n})`;
    }
  },
};

/** The digest of an entry and all its chunks, beside it: compiled code that is kept is that of one build (bin/load.js). */
const buildId = {
  name: 'build-id',
  generateBundle(this: PluginContext, _options: unknown, bundle: OutputBundle) {
    const chunks = Object.values(bundle).flatMap((chunk) => (chunk.type === 'chunk' ? [chunk] : []));
    const hash = createHash('sha256');
    for (const { fileName, code } of chunks.toSorted((a, b) => (a.fileName < b.fileName ? -1 : 1))) hash.update(`${fileName}\n${code}\n`);
    const entry = chunks.find(({ isEntry }) => isEntry)?.name;
    this.emitFile({ type: 'asset', fileName: `${entry}.id`, source: `${hash.digest('hex').slice(0, 32)}\n` });
  },
};

/** Builtins that are loaded when they are first used, by the functions that are imported from them. */
type Later = Readonly<Record<string, readonly string[]>>;

/** Takes a millisecond to load; `ls` reads nothing that way, and `down` nothing before the services have their signal. */
const LATER: Later = {
  'node:fs/promises': 'access chmod cp lstat mkdir mkdtemp open readdir readFile realpath rename rm stat statfs unlink writeFile'.split(
    ' ',
  ),
};

/**
 * What libraries of the keeper import and its start has no need for: node:http2 and its like take longer to load than the keeper's own code,
 * and a first `up` waits for that. In one file every import would stand at the top.
 */
const LATER_IN_KEEPER: Later = {
  'node:child_process': ['ChildProcess', 'execFile', 'execFileSync', 'spawn', 'spawnSync'],
  'node:http2': [],
  'node:https': ['request'],
  'node:v8': ['serialize'],
};

const laterBuiltins = (later: Later) => ({
  name: 'later-builtins',
  resolveId: (source: string) => (source in later ? `\0later:${source}` : null),
  load: (id: string) => {
    const source = id.replace('\0later:', '');
    if (source === id) return null;
    const names = (later[source] ?? []).map(
      (name) => `export function ${name}(...args) { return new.target ? new (loaded().${name})(...args) : loaded().${name}(...args); }`,
    );
    return [
      `const loaded = () => process.getBuiltinModule('${source}');`,
      ...names,
      'export default new Proxy({}, { get: (_, name) => loaded()[name] });',
    ].join('\n');
  },
});

export default defineConfig([
  {
    ...shared,
    input: { main: 'src/cli/main.ts' },
    plugins: [
      ascii,
      wrapped,
      buildId,
      laterBuiltins(LATER),
      {
        // Commander loads node:child_process (4 ms at every start) for subcommands that are programs of their own; spin has none.
        name: 'commander-without-child-process',
        resolveId: (source, importer) =>
          source === 'node:child_process' && importer !== undefined && COMMANDER.test(importer) ? '\0no-child-process' : null,
        load: (id) => (id === '\0no-child-process' ? 'export default {};' : null),
      },
    ],
    // In chunks, because a command loads only what it needs.
    output: {
      ...shared.output,
      chunkFileNames: 'chunks/[name]-[hash].cjs',
      codeSplitting: {
        groups: [
          // Apart from the rest, so that `spin --version` loads nothing else.
          { name: 'version', test: /src[/\\]cli[/\\]version\.ts$|package\.json$/, priority: 2 },
          { name: 'start', test: START, priority: 1 },
          { name: 'ls', test: LS, priority: 1 },
          { name: 'down', test: DOWN, priority: 1 },
          { name: 'aws', test: AWS },
          { name: 'aws-up', test: AWS_UP },
          { name: 'program', test: /node_modules[/\\]commander[/\\]|src[/\\]cli[/\\]program\.ts$/, priority: 1 },
        ],
      },
      cleanDir: true,
    },
  },
  {
    ...shared,
    input: { keeper: 'src/cli/keeper.ts' },
    plugins: [ascii, wrapped, buildId, laterBuiltins(LATER_IN_KEEPER)],
    // In one file, because a keeper lives for hours: an update of spin must not take a part from under it that it has yet to load.
    output: { ...shared.output, codeSplitting: false },
  },
]);
