import { integer, usd } from '../lib/format';
import { Panel } from '../ui/notice';
import { isFinal, type Snapshot } from '../lib/snapshot';
import { sinceTotals } from '../lib/work';

/** What the task took so far. Scripted models count tokens as real ones do, but charge nothing. */
export function TotalsPanel({ snapshot, scripted }: { snapshot: Snapshot; scripted: boolean }) {
  const totals = snapshot.task?.totals;
  if (!totals) return null;
  const since = sinceTotals(snapshot);
  const soFar = isFinal(snapshot.task) ? '' : ' so far';
  const rows: readonly (readonly [string, string])[] = [
    ['Assignments', integer(totals.assignments)],
    ['Agent runs', integer(totals.agentRuns)],
    ['Review rounds', integer(totals.reviews)],
    ['Model calls', integer(totals.modelCalls + since.modelCalls)],
    ['Tokens in', integer(totals.inputTokens + since.inputTokens)],
    ['Tokens out', integer(totals.outputTokens + since.outputTokens)],
    ['GitHub requests', integer(totals.githubRequests)],
    [(scripted ? 'At list prices' : 'Cost') + soFar, usd(totals.costMicroUsd + since.costMicroUsd)],
    ...totals.models.map(({ id, costMicroUsd }) => [`of it ${id}`, usd(costMicroUsd)] as const),
  ];
  return (
    <Panel title="Totals" aside={scripted ? 'Scripted models: nothing was charged' : ''}>
      <dl class="totals">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
