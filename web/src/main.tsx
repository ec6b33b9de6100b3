import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Account } from './account/account';
import { TaskPage } from './board/task-page';
import { Tasks } from './history/tasks';
import { Api } from './lib/api';
import { Feed } from './lib/live';
import { useOnline } from './lib/online';
import { useRoute } from './lib/route';
import { loadSettings, type StandIns } from './lib/settings';
import { type Trouble, troubleOf } from './lib/trouble';
import { BriefForm } from './new/form';
import { Boundary } from './ui/boundary';
import { OfflineBanner, StandInBanner, TroubleNotice } from './ui/notice';
import { Top } from './ui/top';
import './style/base.css';
import './style/shell.css';
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
  const isOnline = useOnline();
  const { view } = useRoute();
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
      <Top feed={session?.feed} who={undefined} />
      {!isOnline && <OfflineBanner />}
      {session && <StandInBanner {...session.standIns} />}
      <main id="main" tabIndex={-1}>
        {session && (
          <Boundary key={view}>
            <Place session={session} />
          </Boundary>
        )}
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

const root = document.getElementById('app');
if (root) render(<App />, root);
