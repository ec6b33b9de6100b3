import { integer, usd } from './format';
import { Panel } from './notice';
import type { Snapshot } from './snapshot';

/** What the task took so far. Scripted models count tokens as real ones do, but charge nothing. */
export function TotalsPanel({ snapshot: { task }, scripted }: { snapshot: Snapshot; scripted: boolean }) {
  const totals = task?.totals;
  if (!totals) return null;
  const rows: readonly (readonly [string, string])[] = [
    ['Assignments', integer(totals.assignments)],
    ['Agent runs', integer(totals.agentRuns)],
    ['Review rounds', integer(totals.reviews)],
    ['Model calls', integer(totals.modelCalls)],
    ['Tokens in', integer(totals.inputTokens)],
    ['Tokens out', integer(totals.outputTokens)],
    ['GitHub requests', integer(totals.githubRequests)],
    [scripted ? 'At list prices' : 'Cost', usd(totals.costMicroUsd)],
    ...totals.models.map(([id, cost]) => [`of it ${id}`, usd(cost)] as const),
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
