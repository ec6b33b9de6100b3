import { duration } from '../lib/format';
import { isAtWork, isFinal, type Snapshot, stageReached } from '../lib/snapshot';
import { STAGES } from '../lib/task';
import { useNow } from '../ui/use-now';
import { stageTimes } from './times';

const WORDS: Record<string, string> = {
  pending: 'Waiting to start',
  planning: 'The planner is dividing the work',
  awaiting_approval: 'The plan waits for its owner',
  coding: 'Agents are writing the files',
  reviewing: 'The reviewer is reading the files',
  publishing: 'The files are being committed',
  deploying: 'The project is being deployed',
  paused: 'Paused',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

/** Where the task is, as a bar and in words. `data-status` is the status of the task's row. */
export function StageBar({ snapshot }: { snapshot: Snapshot }) {
  const status = snapshot.task?.status ?? '';
  const reached = stageReached(snapshot);
  const ended = isFinal(snapshot.task);
  const stopped = ended && status !== 'completed';
  const times = stageTimes(snapshot, useNow(isAtWork(snapshot.task)));
  const stateOf = (index: number) => {
    if (index < reached || status === 'completed') return 'done';
    if (index > reached) return 'open';
    return stopped ? 'stopped' : 'now';
  };
  return (
    <div class="stages" data-status={status}>
      <ol aria-label="Stages">
        {STAGES.map((stage, index) => {
          const word = stopped && index === STAGES.length - 1 ? status : stage;
          return (
            <li
              key={stage}
              data-state={stopped && index === STAGES.length - 1 ? 'stopped' : stateOf(index)}
              aria-current={index === reached ? 'step' : undefined}
            >
              <span>{word}</span>
              {times[stage] >= 500 && <span class="number aside">{duration(times[stage])}</span>}
            </li>
          );
        })}
      </ol>
      <p role="status">{WORDS[status] ?? status}</p>
    </div>
  );
}
