import { defineConfig, type RolldownOptions } from 'rolldown';

const COMMANDER = /node_modules[/\\]commander[/\\]/;

// What every command needs, and `ls`: in one file, because twenty small ones take longer to open than to run.
const START =
  /node_modules[/\\]commander[/\\]|src[/\\](?:core|store)[/\\]|src[/\\]spec[/\\](?:config|settings|readers|problems)\.ts$|src[/\\]cli[/\\](?!main|keeper|completion|confirm|reporters[/\\]terminal)|src[/\\]app[/\\](?:ls|summary)\.ts$/;

// CommonJS, because Node starts it several milliseconds sooner than ES modules.
const shared = {
  platform: 'node',
  // The SDK's ES modules can be shaken: a tenth of the EC2 client is left, which is less to load.
  resolve: { mainFields: ['module', 'main'] },
  output: { dir: 'dist', format: 'cjs', entryFileNames: '[name].cjs', minify: { compress: true, mangle: false, codegen: true } },
} satisfies RolldownOptions;

export default defineConfig([
  {
    ...shared,
    input: { main: 'src/cli/main.ts' },
    plugins: [
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
        ],
      },
      cleanDir: true,
    },
  },
  {
    ...shared,
    input: { keeper: 'src/cli/keeper.ts' },
    // In one file, because a keeper lives for hours: an update of spin must not take a part from under it that it has yet to load.
    output: { ...shared.output, codeSplitting: false },
  },
]);
