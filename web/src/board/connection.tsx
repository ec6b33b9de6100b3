import { useEffect, useState } from 'preact/hooks';
import { clock } from '../lib/format';
import type { Feed, LiveView } from '../lib/live';
import { isFinal } from '../lib/snapshot';
import { useFeedState } from '../ui/use-feed-state';
import { useNow } from '../ui/use-now';

/** A gap shorter than this is not worth a word. */
const PATIENCE_MS = 1_500;

interface Props {
  feed: Feed;
  view: LiveView;
  onRetry: () => void;
}

/** What is done about a connection that is lost, and from when what is shown is. */
export function ConnectionNotice({ feed, view, onRetry }: Props) {
  const state = useFeedState(feed);
  const unreachable = view.trouble?.kind === 'unreachable';
  const isLost = unreachable || (state === 'reconnecting' && !isFinal(view.snapshot.task));
  const isLong = useLasting(isLost);
  return (
    <div role="status">{isLost && isLong && <Lost view={view} unreachable={unreachable} onRetry={onRetry} />}</div>
  );
}

function Lost({ view, unreachable, onRetry }: { view: LiveView; unreachable: boolean; onRetry: () => void }) {
  const now = useNow(true);
  const seconds = view.nextAt === undefined ? 0 : Math.max(0, Math.ceil((view.nextAt - now) / 1_000));
  const asOf = view.asOf === undefined ? '' : clock(new Date(view.asOf).toISOString());
  const text = unreachable
    ? `What you see is from ${asOf || 'before'}. The project goes on meanwhile, and nothing of it will be missing here.`
    : 'Rows are fetched every few seconds instead.';
  return (
    <div class="notice warn connection" data-connection="reconnecting">
      <p>
        <strong>Reconnecting…</strong> {text} {/* The seconds are for the eye: read out, they would chatter. */}
        <span class="number" aria-hidden="true">
          {view.looking ? 'Trying now.' : seconds > 0 && unreachable ? `Next try in ${seconds} s.` : ''}
        </span>
      </p>
      <button type="button" onClick={onRetry}>
        Try now
      </button>
    </div>
  );
}

/** Whether `condition` has held for a while. */
function useLasting(condition: boolean): boolean {
  const [lasts, setLasts] = useState(false);
  useEffect(() => {
    setLasts(false);
    if (!condition) return;
    const timer = setTimeout(() => setLasts(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [condition]);
  return lasts;
}
