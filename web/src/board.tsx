import { useEffect, useState } from 'preact/hooks';
import { Agents } from './agents';
import type { Api } from './api';
import { Controls } from './controls';
import { FeedLines } from './feed';
import { Files } from './files';
import { type Feed, LiveTask } from './live';
import { TroubleNotice } from './notice';
import { Outcome } from './outcome';
import { Reviews } from './reviews';
import { EMPTY, isFinal, type Snapshot } from './snapshot';
import { StageBar } from './stages';
import { TotalsPanel } from './totals';
import type { Trouble } from './trouble';
import { feedLines } from './work';

interface View {
  snapshot: Snapshot;
  trouble: Trouble | undefined;
}

interface Props {
  api: Api;
  feed: Feed;
  taskId: string;
  /** The models are scripted: what they cost is not charged. */
  scripted: boolean;
}

/** One task, live. */
export function Board({ api, feed, taskId, scripted }: Props) {
  const [view, setView] = useState<View>({ snapshot: EMPTY, trouble: undefined });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const live = new LiveTask(api, feed, taskId, (snapshot, trouble) => setView({ snapshot, trouble }));
    return () => live.close();
  }, [api, feed, taskId, attempt]);
  const { snapshot } = view;
  const trouble = view.trouble?.kind === 'missing' ? missing(view.trouble) : view.trouble;
  const { task } = snapshot;

  useEffect(() => {
    if (!task) return;
    document.title = `${task.name}: ${task.status}`;
    return () => {
      document.title = 'Orchestrator';
    };
  }, [task?.name, task?.status]);

  const retry = () => setAttempt(attempt + 1);
  if (!task) {
    return trouble ? (
      <TroubleNotice trouble={trouble} onRetry={retry} />
    ) : (
      <p class="empty" role="status">
        Loading the project…
      </p>
    );
  }
  return (
    <article class="board">
      <header class="title">
        <h1 dir="auto">{task.name}</h1>
        <span class="chip">{task.type}</span>
        {task.round > 1 && <span class="chip">round {task.round}</span>}
      </header>
      {trouble && <TroubleNotice trouble={trouble} onRetry={retry} />}
      <StageBar snapshot={snapshot} />
      <Controls api={api} snapshot={snapshot} />
      <Outcome snapshot={snapshot} />
      <div class="columns">
        <div>
          <Agents snapshot={snapshot} />
          <Files api={api} versions={snapshot.files} />
          <Reviews reviews={snapshot.reviews} />
        </div>
        <div>
          <FeedLines lines={feedLines(snapshot)} ended={isFinal(task)} />
          <TotalsPanel snapshot={snapshot} scripted={scripted} />
        </div>
      </div>
    </article>
  );
}

function missing(trouble: Trouble): Trouble {
  return { ...trouble, message: 'There is no such project here, or it was created in another browser.' };
}
