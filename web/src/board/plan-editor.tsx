import { useEffect, useState } from 'preact/hooks';
import { counted, short, usd } from '../lib/format';
import type { PlannedAssignment } from '../lib/plan';
import type { Plan } from '../lib/task';
import { TroubleNotice } from '../ui/notice';
import type { Planned } from './use-planned';

interface Props {
  plan: Plan;
  planned: Planned;
  busy: boolean;
  /** Told whether something was changed and not saved. */
  onChanged: (isChanged: boolean) => void;
  save: (assignments: readonly PlannedAssignment[]) => Promise<boolean>;
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
export function PlanEditor({ plan, planned, busy, onChanged, save }: Props) {
  const [changed, setChanged] = useState<readonly PlannedAssignment[]>();
  /** Raised where the fields begin anew. */
  const [edition, setEdition] = useState(0);
  const assignments = changed ?? planned.assignments;
  useEffect(() => {
    onChanged(changed !== undefined);
    return () => onChanged(false);
  }, [changed === undefined]);
  const change = (id: string, changes: Partial<PlannedAssignment>) =>
    setChanged(assignments?.map((item) => (item.id === id ? { ...item, ...changes } : item)));
  const undo = () => {
    setChanged(undefined);
    setEdition(edition + 1);
  };
  return (
    <form
      class="field plan-editor"
      aria-label="Plan"
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy && changed) void save(changed).then((isTaken) => isTaken && undo());
      }}
    >
      {plan.summary && <p dir="auto">{plan.summary}</p>}
      {plan.estimate && (
        <p class="aside" role="status">
          An estimate: {counted(plan.estimate.agents, 'agent')}, about {counted(plan.estimate.minutes, 'minute')} and{' '}
          {usd(plan.estimate.costMicroUsd)} ({short(plan.estimate.inputTokens)} tokens read,{' '}
          {short(plan.estimate.outputTokens)} written).
        </p>
      )}
      {planned.trouble && <TroubleNotice trouble={planned.trouble} />}
      <div class="assignments">
        {assignments?.map((item) => (
          <Assignment key={item.id} item={item} edition={edition} change={(changes) => change(item.id, changes)} />
        ))}
      </div>
      {changed && (
        <div class="row">
          <button type="submit" class="primary" disabled={busy}>
            Save the changed plan
          </button>
          <button type="button" disabled={busy} onClick={undo}>
            Undo the changes
          </button>
        </div>
      )}
    </form>
  );
}

interface AssignmentProps {
  item: PlannedAssignment;
  edition: number;
  change: (changes: Partial<PlannedAssignment>) => void;
}

function Assignment({ item, edition, change }: AssignmentProps) {
  const text = item.acceptance.map(({ check }) => check).join('\n');
  const [checks, setChecks] = useState(text);
  useEffect(() => setChecks(text), [edition]);
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
