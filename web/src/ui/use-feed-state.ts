import { useEffect, useState } from 'preact/hooks';
import type { Connection, Feed } from '../lib/live';

/** How the page's Realtime connection is. */
export function useFeedState(feed: Feed): Connection {
  const [state, setState] = useState(feed.state);
  useEffect(() => {
    setState(feed.state);
    return feed.onState(() => setState(feed.state));
  }, [feed]);
  return state;
}
