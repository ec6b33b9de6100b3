import { counted, short, usd } from '../lib/format';
import { isAtWork, isFinal, type Snapshot } from '../lib/snapshot';
import { Panel } from '../ui/notice';
import { useNow } from '../ui/use-now';
import { type Lane, sparkOf, TURNS_MAX, waitsInWords } from './lanes';
import { Spark } from './spark';

/** What a state is called. */
export const STATE_WORDS: Record<Lane['state'], string> = {
  waiting: 'waiting',
  coding: 'working',
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
  stopped: 'not done',
};

/** A lane for each agent of the plan. */
export function Agents({ snapshot, lanes }: { snapshot: Snapshot; lanes: readonly Lane[] }) {
  const ended = isFinal(snapshot.task);
  const count = (state: Lane['state']) => lanes.filter((lane) => lane.state === state).length;
  const aside = [`${count('done')} of ${counted(lanes.length, 'agent')} done`, count('coding') > 0 && `${count('coding')} working`];
  return (
    <Panel title="Agents" aside={lanes.length > 0 ? aside.filter(Boolean).join(', ') : ''}>
      {lanes.length === 0 ? (
        <p class="empty">{ended ? 'No agent was started.' : 'They start when the plan is made.'}</p>
      ) : (
        <Lanes snapshot={snapshot} lanes={lanes} />
      )}
    </Panel>
  );
}

function Lanes({ snapshot, lanes }: { snapshot: Snapshot; lanes: readonly Lane[] }) {
  const now = useNow(isAtWork(snapshot.task));
  const times = snapshot.assignments.map(({ createdAt }) => new Date(createdAt).getTime());
  const ends = snapshot.assignments.map(({ updatedAt }) => new Date(updatedAt).getTime());
  const isCoding = lanes.some(({ state }) => state === 'coding');
  const [from, to] = [Math.min(...times), isCoding ? now : Math.max(...ends)];
  return (
    <ul class="agents">
      {lanes.map((lane) => (
        <AgentLane key={lane.id} lane={lane} waits={waitsInWords(lane, lanes, snapshot)} bars={barsOf(snapshot, lane, from, to)} />
      ))}
    </ul>
  );
}

function barsOf({ assignments, progress }: Snapshot, lane: Lane, from: number, to: number): readonly number[] {
  if (!lane.run) return [];
  const ids = new Set(assignments.filter(({ name }) => name === lane.id).map(({ id }) => id));
  return sparkOf(progress, ids, from, to);
}

function AgentLane({ lane, waits, bars }: { lane: Lane; waits: string; bars: readonly number[] }) {
  const { run, turn } = lane;
  const words = [
    run?.agentId,
    lane.type,
    run && run.round > 1 && `round ${run.round}`,
    run && run.turn > 0 && (lane.state === 'coding' ? `turn ${run.turn} of at most ${TURNS_MAX}` : counted(run.turn, 'turn')),
    lane.tokens > 0 && `${short(lane.tokens)} tokens`,
    lane.tokens > 0 && usd(lane.costMicroUsd),
  ];
  return (
    <li id={`lane-${lane.id}`} class="lane" data-state={lane.state} tabIndex={-1}>
      <div class="lane-head">
        <strong class="text" dir="auto">
          {lane.title}
        </strong>
        {bars.length > 0 && <Spark bars={bars} />}
        <span class="chip" data-state={lane.state}>
          {STATE_WORDS[lane.state]}
        </span>
      </div>
      <p class="aside number">{words.filter(Boolean).join(' · ')}</p>
      {waits && <p class="aside">{waits}</p>}
      {lane.state === 'coding' && (
        <p class="aside">
          {turn?.files.length ? <code>{turn.files.join(', ')}</code> : run && run.turn > 0 ? 'Reading and thinking' : 'Beginning'}
        </p>
      )}
    </li>
  );
}
