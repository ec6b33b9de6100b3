import type { Snapshot } from '../lib/snapshot';
import { isFinal } from '../lib/snapshot';
import { feedLines } from '../lib/work';
import { Agents } from './agents';
import { FeedLines } from './feed';
import { TotalsPanel } from './totals';

/** What goes on in a task. */
export function Board({ snapshot, scripted }: { snapshot: Snapshot; scripted: boolean }) {
  return (
    <div class="columns">
      <div>
        <Agents snapshot={snapshot} />
      </div>
      <div>
        <FeedLines lines={feedLines(snapshot)} ended={isFinal(snapshot.task)} />
        <TotalsPanel snapshot={snapshot} scripted={scripted} />
      </div>
    </div>
  );
}
