/**
 * `npm run bench`: how long spin takes, as ratios to what does the same with less.
 * Options: --only startup|services|listing|router (may be repeated), --reps N, --json FILE.
 */
import { measureListing } from './listing.ts';
import { measureRouter } from './router.ts';
import { runBench, say } from './run.ts';
import { measureServices } from './services.ts';
import { measureStartup } from './startup.ts';

await runBench({
  startup: { rounds: 30, measure: measureStartup },
  services: { rounds: 7, measure: (folder, rounds) => measureServices(folder, rounds, say) },
  listing: { rounds: 5, measure: measureListing },
  router: { rounds: 5, measure: measureRouter },
});
