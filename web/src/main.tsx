import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Account } from './account/account';
import { Ended } from './account/ended';
import { TaskPage } from './board/task-page';
import { History } from './history/history';
import { Api } from './lib/api';
import { Feed } from './lib/live';
import { tellOwner } from './lib/notices';
import { useOnline } from './lib/online';
import { entryOf, taskHref, useRoute } from './lib/route';
import type { Person } from './lib/session';
import { loadSettings, type Settings } from './lib/settings';
import { type Trouble, troubleOf } from './lib/trouble';
import { NewProject } from './new/new-project';
import { Boundary } from './ui/boundary';
import { OfflineBanner, StandInBanner, TroubleNotice } from './ui/notice';
import { Top } from './ui/top';
import { useLoaded } from './ui/use-loaded';
import './style/base.css';
import './style/shell.css';
import './style/controls.css';
import './style/account.css';
import './style/new.css';
import './style/board.css';
import './style/history.css';

/** A person at the page. Another person gets another one of these, with a Realtime connection of its own. */
interface Visit {
  settings: Settings;
  api: Api;
  feed: Feed;
  person: Person;
}

type State =
  | { phase: 'starting' }
  | { phase: 'failed'; trouble: Trouble }
  | { phase: 'ended'; settings: Settings; api: Api; email: string }
  | { phase: 'open'; visit: Visit };

/** Settings, then a session, then Realtime: the order matters, for Realtime reads the session. */
async function start(): Promise<State> {
  const settings = await loadSettings();
  const api = new Api(settings);
  const entry = entryOf(location.hash);
  if (entry) {
    // Before anything else: the secret must not stay in the history.
    history.replaceState(null, '', taskHref(entry.taskId));
    await api.session.enter(entry.userId, entry.secret);
  }
  const beginning = await api.session.begin();
  if (beginning.kind === 'ended') return { phase: 'ended', settings, api, email: beginning.email };
  return { phase: 'open', visit: { settings, api, feed: new Feed(api.realtime), person: beginning.person } };
}

function App() {
  const [state, setState] = useState<State>({ phase: 'starting' });
  const isOnline = useOnline();
  const isStarting = useRef(false);
  const begin = () => {
    if (isStarting.current) return;
    isStarting.current = true;
    if (state.phase === 'open') state.visit.feed.close();
    start()
      .catch((error: unknown): State => ({ phase: 'failed', trouble: troubleOf(error, location.origin) }))
      .then((next) => {
        isStarting.current = false;
        setState(next);
      });
  };
  useEffect(begin, []);
  const visit = state.phase === 'open' ? state.visit : undefined;
  const standIns = state.phase === 'open' ? state.visit.settings.standIns : undefined;
  useEffect(() => visit?.api.session.onChange(visit.feed, visit.person, begin), [visit?.api]);
  useEffect(() => visit && tellOwner(visit.feed), [visit?.feed]);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Top feed={visit?.feed} who={visit?.person.email} />
      {!isOnline && <OfflineBanner />}
      {standIns && <StandInBanner {...standIns} />}
      <main id="main" tabIndex={-1}>
        {visit && (
          <Place
            visit={visit}
            onPerson={(person) => setState({ phase: 'open', visit: { ...visit, person } })}
            onLeave={begin}
          />
        )}
        {state.phase === 'ended' && (
          <Ended
            api={state.api}
            email={state.email}
            onBack={begin}
            onLeave={() => void state.api.session.beginAnew().then(begin, begin)}
          />
        )}
        {state.phase === 'failed' && <TroubleNotice trouble={state.trouble} onRetry={begin} />}
        {state.phase === 'starting' && (
          <p class="empty" role="status">
            Connecting…
          </p>
        )}
      </main>
    </>
  );
}

/** The address holds the open task, so the skip link must not take its place there. */
function skip(event: Event) {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

interface PlaceProps {
  visit: Visit;
  onPerson: (person: Person) => void;
  onLeave: () => void;
}

function Place({ visit: { api, feed, person, settings }, onPerson, onLeave }: PlaceProps) {
  const route = useRoute();
  const place = () => {
    switch (route.view) {
      case 'task':
        return <TaskPage api={api} feed={feed} taskId={route.taskId} side={route.side} scripted={settings.standIns.models} />;
      case 'projects':
        return <History api={api} feed={feed} />;
      case 'figures':
        return <FiguresPlace api={api} />;
      case 'account':
        return <Account api={api} person={person} onPerson={onPerson} onLeave={onLeave} />;
      case 'new':
        return <NewProject api={api} feed={feed} person={person} onPerson={onPerson} />;
    }
  };
  return <Boundary key={`${person.id} ${route.view} ${route.view === 'task' ? route.taskId : ''}`}>{place()}</Boundary>;
}

/** Few look at figures, so they are loaded when somebody does. */
function FiguresPlace({ api }: { api: Api }) {
  const { value, problem, retry } = useLoaded('figures', () => import('./figures/figures'));
  if (problem !== undefined) return <TroubleNotice trouble={troubleOf(problem, location.origin)} onRetry={retry} />;
  if (!value) return <p class="empty" role="status">Loading…</p>;
  return <value.Figures api={api} />;
}

const root = document.getElementById('app');
if (root) render(<App />, root);
