import { useState } from 'preact/hooks';
import { DESCRIPTION_CHARS_MAX } from '../lib/brief';

interface Props {
  busy: boolean;
  /** Returns whether it was taken. */
  ask: (description: string, requirements: readonly string[]) => Promise<boolean>;
}

/** Asks for more on a finished project: same repository, same site. */
export function FollowUp({ busy, ask }: Props) {
  const [description, setDescription] = useState('');
  const [requirements, setRequirements] = useState('');
  const send = async () => {
    const lines = requirements.split('\n').map((line) => line.trim());
    const isTaken = await ask(description, lines.filter((line) => line !== ''));
    if (!isTaken) return;
    setDescription('');
    setRequirements('');
  };
  return (
    <details>
      <summary>Ask for more</summary>
      <form
        class="field"
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void send();
        }}
      >
        <label for="follow-up">What should be added or changed?</label>
        <textarea
          id="follow-up"
          rows={3}
          maxLength={DESCRIPTION_CHARS_MAX}
          value={description}
          onInput={(event) => setDescription(event.currentTarget.value)}
        />
        <label for="follow-up-requirements">Requirements, one a line (optional)</label>
        <textarea
          id="follow-up-requirements"
          rows={2}
          value={requirements}
          onInput={(event) => setRequirements(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={busy || description.trim() === ''}>
          Build it
        </button>
      </form>
    </details>
  );
}
