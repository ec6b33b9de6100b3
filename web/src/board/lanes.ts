/** The agents of the plan in hand, each with what it is at. Pure: it follows from the rows and the plan. */

import type { PlannedAssignment } from '../lib/plan';
import { inOrder, isAtWork, isFinal, type Snapshot } from '../lib/snapshot';
import type { Assignment, Plan, Progress, Turn } from '../lib/task';
import { turnsAtWork, withTurn } from '../lib/work';

/** Turns after which an agent is stopped; `pipeline` has the same limit. */
export const TURNS_MAX = 40;
/** Bars of a spark. */
const SPARK_BARS = 24;

export type LaneState = 'waiting' | 'coding' | 'done' | 'failed' | 'cancelled' | 'stopped';

export interface Lane {
  /** The assignment's id within the plan. */
  id: string;
  title: string;
  type: string;
  state: LaneState;
  /** Its newest run, with its numbers as they stand. */
  run: Assignment | undefined;
  turn: Turn | undefined;
  /** What all its runs have cost, in millionths of a US dollar. */
  costMicroUsd: number;
  tokens: number;
  runs: number;
  /** Ids of what it depends on, and of those that are not done. */
  after: readonly string[];
  waitsFor: readonly string[];
}

/** The plan that is carried out or waits for its owner: the newest that was finished. */
export const planInHand = ({ plans }: Snapshot): Plan | undefined => plans.findLast(({ line }) => line !== '');

const STATES: readonly string[] = ['coding', 'done', 'failed', 'cancelled'];

/** One lane for each assignment of the plan, and for runs whose assignment is not known yet. */
export function lanesOf(snapshot: Snapshot, planned: readonly PlannedAssignment[] | undefined): Lane[] {
  const plan = planInHand(snapshot);
  const turns = turnsAtWork(snapshot);
  const runs = inOrder(snapshot.assignments).filter((row) => !plan || row.planGeneration >= plan.generation || row.planGeneration === 0);
  const known = planned ?? [];
  const unknown = [...new Set(runs.map(({ name }) => name))].filter((name) => !known.some(({ id }) => id === name));
  const ids = [...known.map(({ id }) => id), ...unknown];
  const lanes = ids.map((id): Lane => {
    const own = runs.filter(({ name }) => name === id).map((row) => withTurn(row, turns.get(row.id)));
    const run = own.at(-1);
    const assignment = known.find((item) => item.id === id);
    return {
      id,
      title: assignment?.title || run?.title || id,
      type: assignment?.type || run?.type || '',
      state: stateOf(snapshot, run),
      run,
      turn: run && turns.get(run.id),
      costMicroUsd: own.reduce((sum, row) => sum + row.costMicroUsd, 0),
      tokens: own.reduce((sum, row) => sum + row.inputTokens + row.outputTokens, 0),
      runs: own.length,
      after: assignment?.depends_on ?? [],
      waitsFor: [],
    };
  });
  const isDone = (id: string) => lanes.some((lane) => lane.id === id && lane.state === 'done');
  return lanes.map((lane) => ({
    ...lane,
    waitsFor: lane.state === 'waiting' ? lane.after.filter((id) => !isDone(id)) : [],
  }));
}

function stateOf({ task }: Snapshot, run: Assignment | undefined): LaneState {
  if (!run) return isFinal(task) ? 'stopped' : 'waiting';
  const state = STATES.includes(run.state) ? (run.state as LaneState) : 'coding';
  // Its own row says how it ended; where it does not, the task did.
  return state === 'coding' && isFinal(task) ? 'stopped' : state;
}

/** What a lane waits for, in words. */
export function waitsInWords(lane: Lane, lanes: readonly Lane[], snapshot: Snapshot): string {
  const { task } = snapshot;
  if (lane.state !== 'waiting') return '';
  if (task?.status === 'awaiting_approval') return 'Starts when the plan is approved';
  const titles = lane.waitsFor.map((id) => lanes.find((other) => other.id === id)?.title ?? id);
  if (titles.length > 0) return `Waits for ${titles.join(', ')}`;
  if (!isAtWork(task)) return 'Waits until the project goes on';
  return 'Waits for a free place';
}

/**
 * How busy a run was over the time of all runs: tokens written in each part of it, 1 at most.
 * Turns are told when they end, so a bar stands where its turn ended.
 */
export function sparkOf(progress: readonly Progress[], unitIds: ReadonlySet<string>, from: number, to: number): number[] {
  const bars = new Array<number>(SPARK_BARS).fill(0);
  const width = Math.max(1, to - from) / SPARK_BARS;
  const before = new Map<string, number>();
  for (const { unitId, turn, createdAt } of progress) {
    if (!turn || !unitIds.has(unitId)) continue;
    const written = turn.total.outputTokens - (before.get(unitId) ?? 0);
    before.set(unitId, turn.total.outputTokens);
    const place = Math.floor((new Date(createdAt).getTime() - from) / width);
    const bar = Math.min(SPARK_BARS - 1, Math.max(0, place));
    bars[bar] = (bars[bar] ?? 0) + Math.max(1, written);
  }
  const most = Math.max(1, ...bars);
  return bars.map((bar) => bar / most);
}
