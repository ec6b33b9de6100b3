import { useState } from 'preact/hooks';
import type { Api } from '../lib/api';
import { BudgetForm } from './budget';
import { FollowUp } from './follow-up';
import { webUrl } from '../lib/format';
import { PlanEditor, type PlannedAssignment } from './plan-editor';
import type { Snapshot } from '../lib/snapshot';
import { troubleOf } from '../lib/trouble';

/** What an owner may want of a task; the function `create-task` has the same words. */
export type Command =
  | { command: 'approve' | 'pause' | 'resume' | 'cancel' | 'retry' }
  | { command: 'revise'; comment: string }
  | { command: 'edit'; assignments: readonly PlannedAssignment[] }
  | { command: 'follow_up'; description: string; requirements: readonly string[] }
  | { command: 'rollback'; release: number }
  | { command: 'budget'; budgetUsd: number };

type Word = Command['command'];

/** Longest comment on a plan, in characters. */
const COMMENT_CHARS_MAX = 4_000;
const AT_WORK = ['pending', 'planning', 'coding', 'reviewing', 'publishing', 'deploying'];
type Button = Exclude<Word, 'revise' | 'edit' | 'budget' | 'follow_up' | 'rollback'>;

const BUTTONS: Record<Button | 'revise', string> = {
  approve: 'Approve the plan',
  revise: 'Ask for another plan',
  pause: 'Pause',
  resume: 'Go on',
  cancel: 'Cancel',
  retry: 'Try again',
};

/** What a task of this status takes, beside a comment on its plan. */
export function commandsFor(status: string, isExhausted = false): Button[] {
  if (status === 'paused' && isExhausted) return ['cancel'];
  if (status === 'awaiting_approval') return ['approve', 'cancel'];
  if (status === 'paused') return ['resume', 'cancel'];
  if (status === 'failed') return ['retry'];
  // Once publishing has begun it can only be paused.
  if (status === 'publishing' || status === 'deploying') return ['pause'];
  return AT_WORK.includes(status) ? ['pause', 'cancel'] : [];
}

/** Commands for the task, and what came of the last one. */
export function Controls({ api, snapshot }: { api: Api; snapshot: Snapshot }) {
  const [comment, setComment] = useState('');
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState('');
  const { task } = snapshot;
  const commands = commandsFor(task?.status ?? '', task?.totals?.exhausted !== undefined);
  const isCompleted = task?.status === 'completed';
  const preview = webUrl(task?.totals?.previewUrl ?? '');
  const waitsForPlan = task?.status === 'awaiting_approval' && !preview;
  if (!task || (commands.length === 0 && !isCompleted)) return null;
  const plan = snapshot.plans.findLast(({ line }) => line !== '');

  /** Returns whether the command was taken. */
  const send = async (command: Command): Promise<boolean> => {
    if (command.command === 'cancel' && !confirm('Cancel this project? Nothing will be published.')) return false;
    let isTaken = false;
    setBusy(true);
    setRefusal('');
    try {
      const refused = await api.command(task.id, command);
      setRefusal(refused ?? '');
      isTaken = refused === undefined;
      if (isTaken && command.command === 'revise') setComment('');
    } catch (error) {
      setRefusal(troubleOf(error, api.endpoint).message);
    }
    setBusy(false);
    return isTaken;
  };
  return (
    <section class="controls" aria-label="Commands" aria-busy={busy}>
      {preview && (
        <p class="notice">
          The site is built and waits for your word.{' '}
          <a href={preview} target="_blank" rel="noopener">
            Look at it
          </a>
          , then publish it, or say below what shall be different.
        </p>
      )}
      {waitsForPlan && task.totals && task.totals.replaces.length > 0 && (
        <p class="notice bad" role="alert">
          The plan makes columns of the database anew, and what they hold is lost: {task.totals.replaces.join(', ')}.
        </p>
      )}
      {waitsForPlan && plan && (
        <PlanEditor
          key={plan.id}
          api={api}
          plan={plan}
          busy={busy}
          save={(assignments) => void send({ command: 'edit', assignments })}
        />
      )}
      {(isCompleted || preview) && (
        <FollowUp
          busy={busy}
          ask={(description, requirements) => send({ command: 'follow_up', description, requirements })}
        />
      )}
      {waitsForPlan && (
        <form
          class="field"
          onSubmit={(event) => {
            event.preventDefault();
            if (!busy) void send({ command: 'revise', comment });
          }}
        >
          <label for="comment">What should be different?</label>
          <textarea
            id="comment"
            rows={2}
            maxLength={COMMENT_CHARS_MAX}
            value={comment}
            onInput={(event) => setComment(event.currentTarget.value)}
          />
          <button type="submit" disabled={busy || comment.trim() === ''}>
            {BUTTONS.revise}
          </button>
        </form>
      )}
      {task.status === 'paused' && task.totals?.exhausted && (
        <BudgetForm
          call={task.totals.exhausted}
          busy={busy}
          raise={(budgetUsd) => void send({ command: 'budget', budgetUsd })}
        />
      )}
      <div class="row">
        {commands.map((command) => (
          <button
            key={command}
            class={command === 'approve' || command === 'resume' || command === 'retry' ? 'primary' : undefined}
            disabled={busy}
            onClick={() => void send({ command })}
          >
            {command === 'approve' && preview ? 'Publish it' : BUTTONS[command]}
          </button>
        ))}
      </div>
      {refusal !== '' && (
        <p class="notice bad" role="alert">
          {refusal}
        </p>
      )}
    </section>
  );
}
