import type { AdoptOutcome } from '../../app/outcomes.ts';
import type { Page } from '../page.ts';
import { clockTime } from '../text/time.ts';
import { lines, plural } from './parts.ts';

export function viewAdopt(outcome: AdoptOutcome, { style, now }: Page): string {
  const { id, provider, owner, deadline, resources, tookOver, withSpec, olderLives } = outcome;
  return lines([
    `${style.bold(id)} has a record now: ${plural(resources.length, 'resource')} on ${provider}, owner ${owner}, goes ${clockTime(Date.parse(deadline), now)}`,
    ...(tookOver ? ['It belonged to another state location and is ours now.'] : []),
    ...(olderLives > 0 ? [`Something is left of ${olderLives} earlier than that: spin gc`] : []),
    style.dim(
      withSpec
        ? `Go on with: spin up --id ${id}`
        : `Look with: spin status ${id}. End it with: spin down ${id}. To go on with up: spin adopt ${id} -f FILE`,
    ),
  ]);
}
