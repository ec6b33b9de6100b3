import type { Word } from '../lib/command';
import type { Deed } from './use-command';

/** What is said while a command is under way, and once it was taken. */
const WORDS: Record<Word, readonly [doing: string, done: string]> = {
  approve: ['Approving…', 'Approved.'],
  revise: ['Asking for another plan…', 'Asked for. The planner makes another plan, which waits for you again.'],
  edit: ['Saving the plan…', 'Saved. The changed plan waits for your approval.'],
  pause: ['Pausing…', 'Paused. Agents at work stop after their turn.'],
  resume: ['Going on…', 'It goes on where it stood.'],
  cancel: ['Cancelling…', 'Cancelled. Nothing is published.'],
  retry: ['Trying again…', 'What failed is done again; what succeeded is kept.'],
  rollback: ['Serving an earlier release…', 'It will be served in a moment.'],
  follow_up: ['Handing it in…', 'Handed in. The planner plans it on top of what is there.'],
  budget: ['Raising the budget…', 'The budget is raised.'],
};

/** What is done just now, or what became of it. */
export function DeedNotice({ deed }: { deed: Deed | undefined }) {
  const [doing, done] = deed ? WORDS[deed.word] : ['', ''];
  const texts = { sending: doing, looking: `${doing} The answer was lost: looking whether it was taken.`, taken: done, refused: '' };
  const text = deed ? texts[deed.phase] : '';
  return (
    <>
      <div role="status" class="deed">
        {text && (
          <p class={deed?.phase === 'taken' ? 'notice good' : 'notice'} data-phase={deed?.phase}>
            {text}
          </p>
        )}
      </div>
      {deed?.phase === 'refused' && (
        <p class="notice bad" role="alert">
          {deed.message}
        </p>
      )}
    </>
  );
}
