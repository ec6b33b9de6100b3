import type { Commander } from '../board/use-command';
import type { Api } from '../lib/api';
import type { Snapshot } from '../lib/snapshot';
import { useLoaded } from '../ui/use-loaded';

export interface ResultProps {
  api: Api;
  snapshot: Snapshot;
  commander: Commander;
  /** The models are scripted: what they cost is not charged. */
  scripted: boolean;
}

/** What came of a task. Its code is loaded when somebody asks for it first. */
export function Result(props: ResultProps) {
  const { value, problem, retry } = useLoaded('parts', () => import('./parts'));
  if (value) return <value.Parts {...props} />;
  if (problem !== undefined) {
    return (
      <div class="notice bad" role="alert">
        <p>This part of the page could not be loaded. Are you online?</p>
        <button type="button" class="quiet" onClick={retry}>
          Try again
        </button>
      </div>
    );
  }
  return (
    <p class="empty" role="status">
      Loading the result…
    </p>
  );
}
