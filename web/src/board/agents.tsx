import { counted, integer, usd } from '../lib/format';
import { Panel } from '../ui/notice';
import { inOrder, isFinal, type Snapshot } from '../lib/snapshot';
import type { Assignment, Turn } from '../lib/task';
import { turnsAtWork, withTurn } from '../lib/work';

/** The agents, each with its assignment. */
export function Agents({ snapshot }: { snapshot: Snapshot }) {
  const rows = inOrder(snapshot.assignments);
  const turns = turnsAtWork(snapshot);
  const ended = isFinal(snapshot.task);
  return (
    <Panel title="Agents" aside={rows.length > 0 ? counted(rows.length, 'run') : ''}>
      {rows.length === 0 ? (
        <p class="empty">{ended ? 'No agent was started.' : 'They start when the plan is made.'}</p>
      ) : (
        <ul class="agents">
          {rows.map((row) => (
            <Agent key={row.id} row={withTurn(row, turns.get(row.id))} turn={turns.get(row.id)} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Agent({ row, turn }: { row: Assignment; turn: Turn | undefined }) {
  const spent = row.inputTokens + row.outputTokens;
  return (
    <li>
      <div class="row">
        <strong class="text" dir="auto">
          {row.title || row.name}
        </strong>
        <span class="chip" data-state={row.state}>
          {row.state}
        </span>
      </div>
      <p class="aside">
        {row.agentId}
        {row.type && `, ${row.type}`}
        {row.round > 1 && `, round ${row.round}`}
        {row.turn > 0 && `, ${counted(row.turn, 'turn')}`}
        {spent > 0 && `, ${integer(row.inputTokens)} tokens in, ${integer(row.outputTokens)} out, ${usd(row.costMicroUsd)}${turn ? ' so far' : ''}`}
      </p>
      {turn?.files.length ? (
        <p class="aside">
          <code class="text">{turn.files.join(', ')}</code>
        </p>
      ) : null}
    </li>
  );
}
