import { writeSync } from 'node:fs';
import { VERSION } from './version.ts';

/**
 * The entry that bin/spin.js loads.
 * @param root folder of the installed package: bin, dist and templates lie in it
 */
export function main(root: string): void {
  const argv = process.argv.slice(2);
  // Answered before anything else is loaded: scripts and prompts ask for the version, and it shall cost no more than node itself.
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    writeAtOnce(`${VERSION}\n`);
    return;
  }
  void import('./shell.ts').then(({ runShell }) => runShell(argv, root));
}

/** Without the stream machinery, which takes longer to load than this program. */
function writeAtOnce(text: string): void {
  try {
    writeSync(1, text);
  } catch {
    // A pipe that is full or set to non-blocking: the stream knows how to wait.
    process.stdout.write(text);
  }
}
