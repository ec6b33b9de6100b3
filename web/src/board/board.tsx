import { useMemo } from 'preact/hooks';
import { counted, usd } from '../lib/format';
import type { Snapshot } from '../lib/snapshot';
import { isFinal } from '../lib/snapshot';
import { feedLines } from '../lib/work';
import { Agents } from './agents';
import { FeedLines } from './feed';
import { lanesOf, planInHand } from './lanes';
import { Overview } from './overview';
import { PlanGraph } from './plan-graph';
import { TotalsPanel } from './totals';
import type { Commander } from './use-command';
import type { Planned } from './use-planned';

interface Props {
  snapshot: Snapshot;
  planned: Planned;
  commander: Commander;
  scripted: boolean;
}

/** What goes on in a task. */
export function Board({ snapshot, planned, commander, scripted }: Props) {
  const lanes = useMemo(() => lanesOf(snapshot, planned.assignments), [snapshot, planned.assignments]);
  const lines = useMemo(() => feedLines(snapshot), [snapshot]);
  const estimate = planInHand(snapshot)?.estimate;
  const aside = estimate
    ? `Estimated: ${counted(estimate.agents, 'agent')}, ${counted(estimate.minutes, 'minute')}, ${usd(estimate.costMicroUsd)}`
    : '';
  return (
    <>
      <Overview snapshot={snapshot} scripted={scripted} commander={commander} />
      {lanes.length > 0 && <PlanGraph lanes={lanes} aside={aside} />}
      <div class="columns">
        <div>
          <Agents snapshot={snapshot} lanes={lanes} />
          <TotalsPanel snapshot={snapshot} scripted={scripted} />
        </div>
        <div>
          <FeedLines lines={lines} ended={isFinal(snapshot.task)} />
        </div>
      </div>
    </>
  );
}
