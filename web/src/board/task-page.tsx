import { useEffect, useRef, useState } from 'preact/hooks';
import type { Api } from '../lib/api';
import { type Feed, LiveTask, type LiveView } from '../lib/live';
import { heardOf, titleOf } from '../lib/notices';
import { type Side, taskHref } from '../lib/route';
import { EMPTY } from '../lib/snapshot';
import type { Trouble } from '../lib/trouble';
import { Outcome } from '../result/outcome';
import { Result } from '../result/result';
import { TroubleNotice } from '../ui/notice';
import type { Task } from '../lib/task';
import { Board } from './board';
import { ConnectionNotice } from './connection';
import { Controls } from './controls';
import { planInHand } from './lanes';
import { NotifyButton } from './notify';
import { StageBar } from './stages';
import { useCommand } from './use-command';
import { usePlanned } from './use-planned';

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
  const live = useRef<LiveTask | undefined>(undefined);
  useEffect(() => {
    const own = new LiveTask(api, feed, taskId, setView);
    live.current = own;
    return () => own.close();
  }, [api, feed, taskId]);
  const { snapshot } = view;
  const { task } = snapshot;
  const planned = usePlanned(api, planInHand(snapshot)?.id);
  const commander = useCommand(api, live, snapshot);
  useTitle(task);
  useEffect(() => {
    if (task) heardOf(task);
  }, [task]);

  const retry = () => {
    if (feed.state !== 'live') feed.reconnect();
    void live.current?.refetch();
  };
  const trouble = view.trouble?.kind === 'missing' ? missing(view.trouble) : view.trouble;
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
        <NotifyButton />
      </header>
      <ConnectionNotice feed={feed} view={view} onRetry={retry} />
      {trouble && trouble.kind !== 'unreachable' && <TroubleNotice trouble={trouble} onRetry={retry} />}
      <StageBar snapshot={snapshot} />
      <Controls snapshot={snapshot} planned={planned} commander={commander} />
      <Outcome snapshot={snapshot} />
      <Sides taskId={taskId} side={side} />
      {side === 'board' ? (
        <Board snapshot={snapshot} planned={planned} commander={commander} scripted={scripted} />
      ) : (
        <Result api={api} snapshot={snapshot} commander={commander} scripted={scripted} />
      )}
    </article>
  );
}

/** The page's title says where the task stands, with a mark while it needs its owner. */
function useTitle(task: Task | undefined) {
  const title = task && titleOf(task);
  useEffect(() => {
    if (!title) return;
    document.title = title;
    return () => {
      document.title = 'Orchestrator';
    };
  }, [title]);
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
