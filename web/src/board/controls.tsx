import { useState } from 'preact/hooks';
import { type Button, COMMENT_CHARS_MAX, commandsFor } from '../lib/command';
import { webUrl } from '../lib/format';
import type { Snapshot } from '../lib/snapshot';
import { Confirm } from '../ui/confirm';
import { BudgetForm } from './budget';
import { DeedNotice } from './deed';
import { FollowUp } from './follow-up';
import { planInHand } from './lanes';
import { PlanEditor } from './plan-editor';
import { spendingOf } from './spending';
import type { Commander, Deed } from './use-command';
import type { Planned } from './use-planned';

const BUTTONS: Record<Button, string> = {
  approve: 'Approve the plan',
  pause: 'Pause',
  resume: 'Go on',
  cancel: 'Cancel',
  retry: 'Try again',
};
const PRIMARY: readonly Button[] = ['approve', 'resume', 'retry'];

interface Props {
  snapshot: Snapshot;
  planned: Planned;
  commander: Commander;
}

/** Commands for the task, and what came of the last one. */
export function Controls({ snapshot, planned, commander: { deed, busy, send } }: Props) {
  const [isChanged, setChanged] = useState(false);
  const { task } = snapshot;
  const commands = commandsFor(task?.status ?? '', task?.totals?.exhausted !== undefined);
  const isCompleted = task?.status === 'completed';
  const preview = webUrl(task?.totals?.previewUrl ?? '');
  const waitsForPlan = task?.status === 'awaiting_approval' && !preview;
  if (!task || (commands.length === 0 && !isCompleted && !deed)) return null;
  const plan = planInHand(snapshot);
  const isEdited = waitsForPlan && isChanged;
  return (
    <section class={`controls${waitsForPlan || preview ? ' panel waits' : ''}`} aria-label="Commands" aria-busy={busy}>
      {waitsForPlan && <h2>The plan waits for you</h2>}
      {preview && (
        <p>
          <strong>The site is built and waits for your word.</strong>{' '}
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
          plan={plan}
          planned={planned}
          busy={busy}
          onChanged={setChanged}
          save={(assignments) => send({ command: 'edit', assignments })}
        />
      )}
      {(isCompleted || preview) && (
        <FollowUp busy={busy} ask={(description, requirements) => send({ command: 'follow_up', description, requirements })} />
      )}
      {waitsForPlan && <Comment busy={busy} revise={(comment) => send({ command: 'revise', comment })} />}
      {task.status === 'paused' && task.totals?.exhausted && (
        <BudgetForm
          spending={spendingOf(snapshot)}
          busy={busy}
          raise={(budgetUsd) => void send({ command: 'budget', budgetUsd })}
        />
      )}
      <Buttons
        commands={commands}
        preview={preview !== undefined}
        replaces={task.totals?.replaces ?? []}
        blocked={isEdited}
        busy={busy}
        give={(command) => void send({ command })}
      />
      {isEdited && <p class="hint">Save your changes to the plan or undo them, then approve it.</p>}
      <DeedNotice deed={isCompleted && deed && isHistory(deed) ? undefined : deed} />
    </section>
  );
}

/** Whether a completed task has left behind what was said of `deed`. */
function isHistory({ word, phase }: Deed): boolean {
  return phase === 'taken' && word !== 'rollback' && word !== 'follow_up';
}

interface ButtonsProps {
  commands: readonly Button[];
  preview: boolean;
  replaces: readonly string[];
  /** The plan on the page is not the one that would be approved. */
  blocked: boolean;
  busy: boolean;
  give: (command: Button) => void;
}

/** One button for each command. What can not be undone is asked for once more. */
function Buttons({ commands, preview, replaces, blocked, busy, give }: ButtonsProps) {
  const [asked, setAsked] = useState<Button>();
  const question = asked && questionOf(asked, preview, replaces);
  return (
    <>
      <div class="row">
        {commands.map((command) => (
          <button
            key={command}
            type="button"
            class={PRIMARY.includes(command) ? 'primary' : command === 'cancel' ? 'danger' : undefined}
            disabled={busy || (blocked && command === 'approve')}
            onClick={() => (questionOf(command, preview, replaces) ? setAsked(command) : give(command))}
          >
            {command === 'approve' && preview ? 'Publish it' : BUTTONS[command]}
          </button>
        ))}
      </div>
      {asked && question && (
        <Confirm
          title={question.title}
          action={question.action}
          keep={question.keep}
          onConfirm={() => {
            setAsked(undefined);
            give(asked);
          }}
          onCancel={() => setAsked(undefined)}
        >
          {question.text}
        </Confirm>
      )}
    </>
  );
}

interface Question {
  title: string;
  text: string;
  action: string;
  keep: string;
}

/** What is asked before a command that can not be undone; nothing before any other. */
function questionOf(command: Button, preview: boolean, replaces: readonly string[]): Question | undefined {
  if (command === 'cancel') {
    const text = 'Agents at work are stopped, and nothing is published. A cancelled project can not be taken up again.';
    return { title: 'Cancel this project?', text, action: 'Cancel the project', keep: 'Keep it going' };
  }
  if (command === 'approve' && preview) {
    const text = 'The site becomes public at its address.';
    return { title: 'Publish it?', text, action: 'Publish the site', keep: 'Not yet' };
  }
  if (command === 'approve' && replaces.length > 0) {
    const text = `What these columns hold is lost: ${replaces.join(', ')}.`;
    return { title: 'Approve a plan that loses data?', text, action: 'Approve and lose it', keep: 'Back to the plan' };
  }
  return undefined;
}

/** Says what should be different in the plan. The text stays until it was taken. */
function Comment({ busy, revise }: { busy: boolean; revise: (comment: string) => Promise<boolean> }) {
  const [comment, setComment] = useState('');
  return (
    <form
      class="field"
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) void revise(comment).then((isTaken) => isTaken && setComment(''));
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
      <div class="row">
        <button type="submit" disabled={busy || comment.trim() === ''}>
          Ask for another plan
        </button>
      </div>
    </form>
  );
}
