/** The page's place, kept in the address so that a reload returns to it. */

import { useEffect, useState } from 'preact/hooks';

/** The task that is open, or undefined at home. */
export function taskOf(hash: string): string | undefined {
  return /^#\/task\/([a-z0-9][a-z0-9._-]{0,35})$/.exec(hash)?.[1];
}

export const taskHref = (taskId: string): string => `#/task/${taskId}`;

export function useOpenTask(): string | undefined {
  const [open, setOpen] = useState(() => taskOf(location.hash));
  useEffect(() => {
    const read = () => setOpen(taskOf(location.hash));
    window.addEventListener('hashchange', read);
    return () => window.removeEventListener('hashchange', read);
  }, []);
  return open;
}
