import { useEffect, useState } from 'preact/hooks';

/** What is loaded when it is needed. */
export interface Loaded<T> {
  value: T | undefined;
  /** Why it could not be loaded; undefined while that goes on, and after it. */
  problem: unknown;
  retry: () => void;
}

/** Loads once for each `key`; what was loaded for another key is not shown. */
export function useLoaded<T>(key: string, load: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string; value?: T; problem?: unknown }>({ key });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let isClosed = false;
    setState({ key });
    load().then(
      (value) => !isClosed && setState({ key, value }),
      (problem: unknown) => !isClosed && setState({ key, problem }),
    );
    return () => {
      isClosed = true;
    };
  }, [key, attempt]);
  const own = state.key === key ? state : { key };
  return { value: own.value, problem: own.problem, retry: () => setAttempt(attempt + 1) };
}
