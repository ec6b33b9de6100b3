import { useEffect, useRef, useState } from 'preact/hooks';
import type { Api } from '../lib/api';
import type { Filter } from '../lib/history';
import type { Feed } from '../lib/live';
import { type Shown, TaskList } from '../lib/task-list';

/** The tasks that a filter leaves, live. What was shown stays until the first answer to a new filter. */
export function useTaskList(api: Api, feed: Feed, filter: Filter, size?: number) {
  const [shown, setShown] = useState<Shown>();
  const list = useRef<TaskList>(undefined);
  useEffect(() => {
    const own = new TaskList(api, feed, filter, (next) => setShown((known) => (next.tasks ? next : { ...next, tasks: known?.tasks })), size);
    list.current = own;
    return () => own.close();
  }, [api, feed, filter, size]);
  return { shown, more: () => void list.current?.more(), retry: () => void list.current?.refetch() };
}
