import { useEffect, useState } from 'preact/hooks';
import type { Api } from '../lib/api';
import { type Feed, LiveTask, type LiveView } from '../lib/live';
import { type Side, taskHref } from '../lib/route';
import { EMPTY } from '../lib/snapshot';
import type { Trouble } from '../lib/trouble';
import { Outcome } from '../result/outcome';
import { Result } from '../result/result';
import { TroubleNotice } from '../ui/notice';
import { Board } from './board';
import { Controls } from './controls';
import { StageBar } from './stages';

interface Props {
  api: Api;
  feed: Feed;
  taskId: string;
  side: Side;
  /** The models are scripted: what they cost is not charged. */
  scripted: boolean;
}

const NOTHING: LiveView = { snapshot: EMPTY, trouble: undefined, asOf: undefined, looking: true, nextAt: undefined };

/** One task, live. */
export function TaskPage({ api, feed, taskId, side, scripted }: Props) {
  const [view, setView] = useState<LiveView>(NOTHING);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const live = new LiveTask(api, feed, taskId, setView);
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
      <Sides taskId={taskId} side={side} />
      {side === 'board' ? <Board snapshot={snapshot} scripted={scripted} /> : <Result api={api} snapshot={snapshot} scripted={scripted} />}
    </article>
  );
}

function missing(trouble: Trouble): Trouble {
  return { ...trouble, message: 'There is no such project here, or it was created in another browser.' };
}

const SIDES: readonly (readonly [Side, string])[] = [
  ['board', 'Board'],
  ['result', 'Result'],
];

function Sides({ taskId, side }: { taskId: string; side: Side }) {
  return (
    <nav class="sides" aria-label="Sides of the project">
      {SIDES.map(([key, word]) => (
        <a key={key} href={taskHref(taskId, key)} aria-current={key === side ? 'page' : undefined}>
          {word}
        </a>
      ))}
    </nav>
  );
}
