import { day, usd, webUrl } from '../lib/format';
import { statusWord, took } from '../lib/history';
import { taskHref } from '../lib/route';
import { FINAL, type Task } from '../lib/task';
import { Icon, type IconName } from '../ui/icon';

const TYPE_WORDS: Record<string, readonly [IconName, string]> = {
  web: ['web', 'Website'],
  mobile: ['mobile', 'Mobile app'],
  api: ['api', 'API'],
  fullstack: ['fullstack', 'Full stack'],
};

/** A project in the list: what it is, where it stands, what it has cost, and where its result is. */
export function TaskRow({ task, now }: { task: Task; now: number }) {
  const [icon, word] = TYPE_WORDS[task.type] ?? ['folder', task.type];
  const isOver = FINAL.includes(task.status);
  return (
    <li class="task">
      <span class="what">
        <Icon name={icon} />
        <span>
          <a class="name" href={taskHref(task.id)} dir="auto">
            {task.name}
          </a>
          <span class="aside">
            {word} · {day(task.createdAt)}
          </span>
        </span>
      </span>
      <span class="chip" data-state={task.status}>
        {statusWord(task.status)}
      </span>
      <span class="figure">
        <span class="hidden">Cost </span>
        {task.totals ? usd(task.totals.costMicroUsd) : '–'}
      </span>
      <span class="figure">
        <span class="hidden">Time </span>
        {took(task, now, isOver)}
      </span>
      <Links task={task} />
    </li>
  );
}

function Links({ task }: { task: Task }) {
  const site = webUrl(task.siteUrl);
  const repository = webUrl(task.totals?.pullRequestUrl || task.repositoryUrl);
  const link = (url: string, word: string) => (
    <a href={url} target="_blank" rel="noopener" aria-label={`${word} of ${task.name}`}>
      {word}
      <Icon name="out" />
    </a>
  );
  return (
    <span class="links">
      {site && link(site, task.type === 'api' ? 'Service' : 'App')}
      {repository && link(repository, task.totals?.pullRequestUrl ? 'Pull request' : 'Code')}
    </span>
  );
}
