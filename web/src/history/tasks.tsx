import { useEffect, useState } from 'preact/hooks';
import type { Api } from '../lib/api';
import { day } from '../lib/format';
import { type Feed, followTasks } from '../lib/live';
import { Panel, TroubleNotice } from '../ui/notice';
import { taskHref } from '../lib/route';
import type { Task } from '../lib/task';
import type { Trouble } from '../lib/trouble';

/** The user's own tasks, newest first. */
export function Tasks({ api, feed }: { api: Api; feed: Feed }) {
  const [tasks, setTasks] = useState<readonly Task[]>();
  const [trouble, setTrouble] = useState<Trouble>();
  useEffect(
    () =>
      followTasks(api, feed, (next, problem) => {
        setTasks(next);
        setTrouble(problem);
      }),
    [api, feed],
  );
  return (
    <Panel title="Your projects">
      {trouble && <TroubleNotice trouble={trouble} />}
      {!tasks && !trouble && <p class="empty">Loading…</p>}
      {tasks?.length === 0 && <p class="empty">No projects yet. What you create appears here.</p>}
      {tasks && tasks.length > 0 && (
        <ul class="tasks">
          {tasks.map((task) => (
            <li key={task.id}>
              <a href={taskHref(task.id)} dir="auto">
                {task.name}
              </a>
              <span class="chip" data-state={task.status}>
                {task.status}
              </span>
              <span class="aside">{day(task.createdAt)}</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
