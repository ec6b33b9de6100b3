import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Account } from './account/account';
import { TaskPage } from './board/task-page';
import { Tasks } from './history/tasks';
import { Api } from './lib/api';
import { type Connection, Feed } from './lib/live';
import { useRoute } from './lib/route';
import { loadSettings, type StandIns } from './lib/settings';
import { type Trouble, troubleOf } from './lib/trouble';
import { BriefForm } from './new/form';
import { StandInBanner, TroubleNotice } from './ui/notice';
import './style/base.css';
import './style/controls.css';
import './style/new.css';
import './style/board.css';
import './style/result.css';
import './style/history.css';

interface Session {
  api: Api;
  feed: Feed;
  standIns: StandIns;
}

/** Settings, then a session, then Realtime: the order matters, for Realtime reads the session. */
async function start(): Promise<Session> {
  const settings = await loadSettings();
  const api = new Api(settings);
  await api.signIn();
  return { api, feed: new Feed(api.realtime), standIns: settings.standIns };
}

function App() {
  const [session, setSession] = useState<Session>();
  const [trouble, setTrouble] = useState<Trouble>();
  const begin = () => {
    setTrouble(undefined);
    start().then(setSession, (error: unknown) => setTrouble(troubleOf(error, location.origin)));
  };
  useEffect(begin, []);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href="#/">
          Orchestrator
        </a>
        <Places />
        {session && <ConnectionChip feed={session.feed} />}
      </header>
      {session && <StandInBanner {...session.standIns} />}
      <main id="main" tabIndex={-1}>
        {session && <Place session={session} />}
        {!session && trouble && <TroubleNotice trouble={trouble} onRetry={begin} />}
        {!session && !trouble && (
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

function Places() {
  const { view } = useRoute();
  const current = (own: string) => (view === own ? 'page' : undefined);
  return (
    <nav class="places" aria-label="Places">
      <a href="#/" aria-current={current('new')}>
        New project
      </a>
      <a href="#/projects" aria-current={current('projects')}>
        Projects
      </a>
      <a href="#/account" aria-current={current('account')}>
        Account
      </a>
    </nav>
  );
}

function Place({ session: { api, feed, standIns } }: { session: Session }) {
  const route = useRoute();
  switch (route.view) {
    case 'task':
      return (
        <TaskPage
          key={route.taskId}
          api={api}
          feed={feed}
          taskId={route.taskId}
          side={route.side}
          scripted={standIns.models}
        />
      );
    case 'projects':
      return <Tasks api={api} feed={feed} />;
    case 'account':
      return <Account />;
    case 'new':
      return (
        <div class="columns home">
          <div>
            <h1>What should be built?</h1>
            <p class="lead">A planner divides the work, agents write it, a reviewer checks it. The result is a repository and a running app.</p>
            <BriefForm api={api} />
          </div>
          <div>
            <Tasks api={api} feed={feed} />
          </div>
        </div>
      );
  }
}

const WORDS: Record<Connection | 'offline', string> = {
  connecting: 'Connecting…',
  live: 'Live',
  reconnecting: 'Reconnecting…',
  offline: 'Offline',
};

function ConnectionChip({ feed }: { feed: Feed }) {
  const [, redraw] = useState(0);
  useEffect(() => {
    const changed = () => redraw((count) => count + 1);
    const stop = feed.onState(changed);
    window.addEventListener('online', changed);
    window.addEventListener('offline', changed);
    return () => {
      stop();
      window.removeEventListener('online', changed);
      window.removeEventListener('offline', changed);
    };
  }, [feed]);
  const state = navigator.onLine ? feed.state : 'offline';
  return (
    <span class="chip" role="status" data-state={state}>
      {WORDS[state]}
    </span>
  );
}

const root = document.getElementById('app');
if (root) render(<App />, root);
