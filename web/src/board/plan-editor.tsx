import { useEffect, useState } from 'preact/hooks';
import type { Api } from '../lib/api';
import { counted, integer, usd } from '../lib/format';
import type { Plan } from '../lib/task';
import { troubleOf } from '../lib/trouble';

/** An assignment as the plan's row has it; what is not edited here is sent back as it came. */
export interface PlannedAssignment {
  id: string;
  title: string;
  objective: string;
  acceptance: readonly { id: string; check: string }[];
  owns: readonly string[];
  [more: string]: unknown;
}

interface Props {
  api: Api;
  plan: Plan;
  busy: boolean;
  save: (assignments: readonly PlannedAssignment[]) => void;
}

/** The checks of a text with one a line. A line keeps the id of the check that stood there. */
export function checksOf(text: string, before: PlannedAssignment['acceptance']): PlannedAssignment['acceptance'] {
  const lines = text.split('\n').map((line) => line.trim());
  const used = new Set(before.map(({ id }) => id));
  return lines
    .filter((line) => line !== '')
    .map((check, index) => {
      const known = before[index];
      if (known) return { id: known.id, check };
      let id = `own-${index + 1}`;
      while (used.has(id)) id = `${id}-x`;
      used.add(id);
      return { id, check };
    });
}

/** The plan that waits: what it will take, and its assignments to read and to change. */
export function PlanEditor({ api, plan, busy, save }: Props) {
  const [assignments, setAssignments] = useState<readonly PlannedAssignment[]>();
  const [problem, setProblem] = useState('');
  useEffect(() => {
    let closed = false;
    api.assignments(plan.id).then(
      (found) => !closed && setAssignments(found),
      (error: unknown) => !closed && setProblem(troubleOf(error, api.endpoint).message),
    );
    return () => {
      closed = true;
    };
  }, [api, plan.id]);
  const change = (id: string, changes: Partial<PlannedAssignment>) =>
    setAssignments(assignments?.map((item) => (item.id === id ? { ...item, ...changes } : item)));
  return (
    <form
      class="field"
      aria-label="Plan"
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy && assignments) save(assignments);
      }}
    >
      {plan.estimate && (
        <p class="notice" role="status">
          An estimate: {counted(plan.estimate.agents, 'agent')}, about {counted(plan.estimate.minutes, 'minute')} and{' '}
          {usd(plan.estimate.costMicroUsd)} ({integer(plan.estimate.inputTokens)} tokens read,{' '}
          {integer(plan.estimate.outputTokens)} written).
        </p>
      )}
      {problem !== '' && <p class="rule">{problem}</p>}
      {assignments?.map((item) => (
        <Assignment key={item.id} item={item} change={(changes) => change(item.id, changes)} />
      ))}
      {assignments && (
        <button type="submit" disabled={busy}>
          Save the changed plan
        </button>
      )}
    </form>
  );
}

function Assignment({ item, change }: { item: PlannedAssignment; change: (changes: Partial<PlannedAssignment>) => void }) {
  const [checks, setChecks] = useState(item.acceptance.map(({ check }) => check).join('\n'));
  const field = (name: string) => `plan-${item.id}-${name}`;
  return (
    <details>
      <summary dir="auto">
        {item.title} <span class="aside">{item.owns.join(', ')}</span>
      </summary>
      <div class="field">
        <label for={field('title')}>Title</label>
        <input
          id={field('title')}
          value={item.title}
          maxLength={200}
          required
          onInput={(event) => change({ title: event.currentTarget.value })}
        />
        <label for={field('objective')}>Objective</label>
        <textarea
          id={field('objective')}
          rows={3}
          maxLength={8_000}
          required
          value={item.objective}
          onInput={(event) => change({ objective: event.currentTarget.value })}
        />
        <label for={field('checks')}>What the reviewer checks, one a line</label>
        <textarea
          id={field('checks')}
          rows={Math.max(3, item.acceptance.length)}
          required
          value={checks}
          onInput={(event) => {
            setChecks(event.currentTarget.value);
            change({ acceptance: checksOf(event.currentTarget.value, item.acceptance) });
          }}
        />
      </div>
    </details>
  );
}
