import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Api } from './api';
import { Board } from './board';
import { BriefForm } from './form';
import { type Connection, Feed } from './live';
import { Panel, StandInBanner, TroubleNotice } from './notice';
import { useOpenTask } from './route';
import { loadSettings, type StandIns } from './settings';
import './style.css';
import { Tasks } from './tasks';
import { type Trouble, troubleOf } from './trouble';

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

function Place({ session: { api, feed, standIns } }: { session: Session }) {
  const taskId = useOpenTask();
  if (taskId) {
    return (
      <>
        <p class="back">
          <a href="#/">All projects and a new one</a>
        </p>
        <Board key={taskId} api={api} feed={feed} taskId={taskId} scripted={standIns.models} />
      </>
    );
  }
  return (
    <div class="columns home">
      <div>
        <h1>What should be built?</h1>
        <p class="lead">A planner divides the work, agents write it, a reviewer checks it. The result is a repository and a running app.</p>
        <BriefForm api={api} />
      </div>
      <div>
        <Tasks api={api} feed={feed} />
        <Panel title="How it is kept">
          <p class="aside">Projects belong to this browser: it holds an anonymous session. They go on when the page is closed.</p>
        </Panel>
      </div>
    </div>
  );
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
