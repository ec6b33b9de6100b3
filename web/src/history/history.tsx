import { useEffect, useState } from 'preact/hooks';
import type { Api } from '../lib/api';
import { PROJECT_TYPES } from '../lib/brief';
import { counted } from '../lib/format';
import { EVERYTHING, type Filter, filterOf, hrefOf, isEverything, type Sort, SORTS, STATUSES, type StatusFilter } from '../lib/history';
import type { Feed } from '../lib/live';
import { Icon } from '../ui/icon';
import { TroubleNotice } from '../ui/notice';
import { useNow } from '../ui/use-now';
import { TaskRow } from './task-row';
import { useTaskList } from './use-task-list';

/** A search begins when nobody has typed for this long. */
const TYPED_MS = 250;
const TYPE_WORDS: Record<string, string> = { '': 'All types', web: 'Website', mobile: 'Mobile app', api: 'API', fullstack: 'Full stack' };

/** All projects of the person, with a search and filters that the address keeps. */
export function History({ api, feed }: { api: Api; feed: Feed }) {
  const [filter, setFilter] = useState(() => filterOf(location.hash));
  const [typed, setTyped] = useState(filter.search);
  const now = useNow(true);
  const { shown, more, retry } = useTaskList(api, feed, filter);
  const choose = (part: Partial<Filter>) => setFilter((known) => ({ ...known, ...part }));
  useEffect(() => {
    if (typed === filter.search) return;
    const timer = setTimeout(() => choose({ search: typed }), TYPED_MS);
    return () => clearTimeout(timer);
  }, [typed, filter.search]);
  useEffect(() => history.replaceState(null, '', hrefOf(filter)), [filter]);
  useEffect(() => {
    // The link to this place in the head leads to everything.
    const read = () => {
      if (!location.hash.startsWith('#/projects')) return;
      const next = filterOf(location.hash);
      setFilter(next);
      setTyped(next.search);
    };
    window.addEventListener('hashchange', read);
    return () => window.removeEventListener('hashchange', read);
  }, []);
  const reset = () => {
    setFilter({ ...EVERYTHING, sort: filter.sort });
    setTyped('');
  };
  const tasks = shown?.tasks;
  return (
    <div class="history">
      <header class="title">
        <h1>Projects</h1>
        <a class="button" href="#/figures">
          Figures
        </a>
        <a class="button primary" href="#/">
          <Icon name="plus" />
          New project
        </a>
      </header>
      <Search filter={filter} typed={typed} onTyped={setTyped} onChoose={choose} />
      {shown?.trouble && <TroubleNotice trouble={shown.trouble} onRetry={retry} />}
      <p class="aside" role="status">
        {tasks && shown && tasks.length > 0 && summary(tasks.length, shown.total, isEverything(filter))}
      </p>
      {!tasks && !shown?.trouble && <Skeleton />}
      {tasks?.length === 0 && (isEverything(filter) ? <Nothing /> : <NoMatch onReset={reset} />)}
      {tasks && tasks.length > 0 && (
        <ul class="tasks" aria-busy={shown?.isFetching}>
          {tasks.map((task) => (
            <TaskRow key={task.id} task={task} now={now} />
          ))}
        </ul>
      )}
      {shown?.isMore && (
        <button type="button" class="more" onClick={more}>
          {shown.isFetching ? 'Loading…' : 'Show more'}
        </button>
      )}
    </div>
  );
}

function summary(shown: number, total: number, isAll: boolean): string {
  const found = isAll ? counted(total, 'project') : `${counted(total, 'project')} found`;
  return shown < total ? `${found}, ${shown} shown` : found;
}

interface SearchProps {
  filter: Filter;
  typed: string;
  onTyped: (text: string) => void;
  onChoose: (part: Partial<Filter>) => void;
}

function Search({ filter, typed, onTyped, onChoose }: SearchProps) {
  return (
    <form class="search" role="search" onSubmit={(event) => event.preventDefault()}>
      <label class="box">
        <span class="hidden">Search by name</span>
        <Icon name="search" />
        <input
          type="search"
          placeholder="Search by name"
          autocomplete="off"
          value={typed}
          onInput={(event) => onTyped(event.currentTarget.value)}
        />
      </label>
      <div class="filters" role="group" aria-label="Status">
        {(Object.keys(STATUSES) as StatusFilter[]).map((status) => (
          <button
            key={status}
            type="button"
            class="pill"
            aria-pressed={filter.status === status}
            onClick={() => onChoose({ status })}
          >
            {STATUSES[status][0]}
          </button>
        ))}
      </div>
      <div class="selects">
        <select aria-label="Type" value={filter.type} onChange={(event) => onChoose({ type: event.currentTarget.value })}>
          {['', ...PROJECT_TYPES].map((type) => (
            <option key={type} value={type}>
              {TYPE_WORDS[type]}
            </option>
          ))}
        </select>
        <select aria-label="Order" value={filter.sort} onChange={(event) => onChoose({ sort: event.currentTarget.value as Sort })}>
          {(Object.keys(SORTS) as Sort[]).map((sort) => (
            <option key={sort} value={sort}>
              {SORTS[sort][0]}
            </option>
          ))}
        </select>
      </div>
    </form>
  );
}

function Skeleton() {
  return (
    <>
      <p class="hidden" role="status">
        Loading…
      </p>
      <ul class="tasks" aria-hidden="true">
        {[60, 45, 70, 50].map((width) => (
          <li key={width} class="task">
            <span class="bone" style={{ width: `${width}%` }} />
          </li>
        ))}
      </ul>
    </>
  );
}

function Nothing() {
  return (
    <div class="blank panel">
      <Icon name="folder" />
      <h2>No projects yet</h2>
      <p>Describe what should be built. What you create appears here, with its status, its cost and its links.</p>
      <a class="button primary" href="#/">
        Create the first
      </a>
    </div>
  );
}

function NoMatch({ onReset }: { onReset: () => void }) {
  return (
    <div class="blank panel">
      <Icon name="search" />
      <h2>No project matches</h2>
      <p>None of your projects has this name, status and type.</p>
      <button type="button" onClick={onReset}>
        Show all
      </button>
    </div>
  );
}
