import type { Api } from '../lib/api';
import { day } from '../lib/format';
import { EVERYTHING, statusWord } from '../lib/history';
import type { Feed } from '../lib/live';
import { taskHref } from '../lib/route';
import { Panel, TroubleNotice } from '../ui/notice';
import { useTaskList } from './use-task-list';

/** Tasks beside the form. */
const RECENT = 6;

/** The last projects, small. */
export function Recent({ api, feed }: { api: Api; feed: Feed }) {
  const { shown } = useTaskList(api, feed, EVERYTHING, RECENT);
  const tasks = shown?.tasks?.slice(0, RECENT);
  return (
    <Panel title="Your projects">
      {shown?.trouble && <TroubleNotice trouble={shown.trouble} />}
      {!tasks && !shown?.trouble && <p class="empty">Loading…</p>}
      {tasks?.length === 0 && <p class="empty">No projects yet. What you create appears here.</p>}
      {tasks && tasks.length > 0 && (
        <>
          <ul class="recent">
            {tasks.map((task) => (
              <li key={task.id}>
                <a href={taskHref(task.id)} dir="auto">
                  {task.name}
                </a>
                <span class="chip" data-state={task.status}>
                  {statusWord(task.status)}
                </span>
                <span class="aside">{day(task.createdAt)}</span>
              </li>
            ))}
          </ul>
          {shown && shown.total > tasks.length && <a href="#/projects">All {shown.total} projects</a>}
        </>
      )}
    </Panel>
  );
}
