/**
 * What a page shows of the work while it goes on: the feed, the agents, and the costs so far.
 * Pure: it follows from the rows alone, in whatever order they came.
 */

import { compare, isFinal, isImport, type Snapshot } from './snapshot';
import type { Assignment, Cost, Progress, STAGES, Table, Turn, Unit } from './task';

/** One line of the feed. `id` is unique among all lines. */
export interface FeedLine {
  id: string;
  at: string;
  stage: string;
  level: string;
  text: string;
  /** The assignment whose agent it tells of; empty for all others. */
  agent: string;
}

/** The stage in which the units of each table work, and what a person reads when it begins. */
const STAGE_OF = {
  plans: ['planning', 'The planner divides the work'],
  assignments: ['coding', 'Agents write the files'],
  reviews: ['reviewing', 'The reviewer reads the files'],
  releases: ['publishing', 'The files are committed'],
  deployments: ['deploying', 'The project is deployed'],
} as const satisfies { readonly [T in Table]?: readonly [(typeof STAGES)[number], string] };

const ENDS: Record<string, string> = {
  awaiting_approval: 'The plan waits for its owner',
  paused: 'The task is paused',
  completed: 'The task is completed',
  failed: 'The task has failed',
  cancelled: 'The task is cancelled',
};

/** A line with its place among those of the same time: what begins, what goes on, what ends. */
interface Placed extends FeedLine {
  place: number;
  sequence: number;
}

/** The line of each row that has one: the same as long as nothing in it changes, so that it is not drawn again. */
const LINES = new WeakMap<Progress, Placed>();

/**
 * What happened, oldest first. Lines that were written during the work are in the order of their
 * `$sequence`; stages that began, units that ended and where the task stands come in by time.
 */
export function feedLines(snapshot: Snapshot): FeedLine[] {
  let latest = '';
  const agents = new Map(snapshot.assignments.map(({ id, name }) => [id, name]));
  const written = snapshot.progress.map((row): Placed => {
    // A row's time was taken before its number: of two at once, the later may have the earlier time.
    latest = latest > row.createdAt ? latest : row.createdAt;
    const { id, sequence, stage, level, text, unitId } = row;
    const agent = agents.get(unitId) ?? '';
    const known = LINES.get(row);
    if (known && known.at === latest && known.agent === agent) return known;
    const line = { id, at: latest, stage, level, text, agent, place: 1, sequence };
    LINES.set(row, line);
    return line;
  });
  const tables = Object.keys(STAGE_OF) as (keyof typeof STAGE_OF)[];
  const others = [...tables.flatMap((table) => unitLines(table, snapshot)), ...stands(snapshot, lastTold(snapshot))];
  return merged(written, others.sort(inTime));
}

const inTime = (one: Placed, other: Placed): number =>
  compare(one.at, other.at) || one.place - other.place || one.sequence - other.sequence || compare(one.id, other.id);

/** Two lists that are in order as one: there may be thousands of lines, and one more comes each time. */
function merged(one: readonly Placed[], other: readonly Placed[]): Placed[] {
  const all: Placed[] = [];
  let place = 0;
  for (const line of one) {
    for (let next = other[place]; next && inTime(next, line) < 0; next = other[place]) {
      all.push(next);
      place += 1;
    }
    all.push(line);
  }
  return [...all, ...other.slice(place)];
}

function unitLines(table: keyof typeof STAGE_OF, snapshot: Snapshot): Placed[] {
  const units: readonly Unit[] = snapshot[table];
  const agents = new Map(table === 'assignments' ? snapshot.assignments.map(({ id, name }) => [id, name]) : []);
  const [stage, begins] = STAGE_OF[table];
  const first = new Map<string, Unit>();
  for (const unit of units) {
    const key = `${unit.generation}.${unit.round}`;
    const known = first.get(key);
    if (!known || unit.createdAt < known.createdAt) first.set(key, unit);
  }
  const stageOf = (id: string) => (table === 'releases' && isImport(id) ? 'planning' : stage);
  const begun = [...first.values()].map(({ id, createdAt, round }): Placed => {
    let text: string = table === 'assignments' && round > 1 ? again(snapshot, round) : begins;
    if (stageOf(id) !== stage) text = 'The repository is read';
    return { id: `begin.${id}`, at: createdAt, stage: stageOf(id), level: 'info', text, agent: '', place: 0, sequence: 0 };
  });
  const ended = units.filter(({ line }) => line !== '');
  const ends = ended.map(
    ({ id, updatedAt, level, line }): Placed => ({
      id,
      at: updatedAt,
      stage: stageOf(id),
      level,
      text: line,
      agent: agents.get(id) ?? '',
      place: 2,
      sequence: 0,
    }),
  );
  return [...begun, ...ends];
}

/** Why agents work once more. */
function again({ deployments }: Snapshot, round: number): string {
  const broken = deployments.some((deployment) => deployment.round === round - 1 && deployment.state === 'failed');
  return broken ? 'Agents repair the build' : 'Agents change what the reviewer asked for';
}

/** When something was last told of a task, or a unit of it ended. Its own row is touched by who looks after it. */
export function lastTold({ task, progress, plans, assignments, reviews, releases, deployments }: Snapshot): string {
  const units: readonly Unit[] = [...plans, ...assignments, ...reviews, ...releases, ...deployments];
  let latest = task?.createdAt ?? '';
  for (const { createdAt } of progress) latest = latest > createdAt ? latest : createdAt;
  for (const { createdAt, updatedAt, line } of units) {
    const time = line === '' ? createdAt : updatedAt;
    latest = latest > time ? latest : time;
  }
  return latest;
}

/** Where the task stands, unless somebody is at work. */
function stands({ task }: Snapshot, latest: string): Placed[] {
  const text = task && ENDS[task.status];
  if (!text) return [];
  const level = task.status === 'failed' ? 'error' : 'info';
  const at = isFinal(task) && task.updatedAt > latest ? task.updatedAt : latest;
  return [{ id: `task.${task.status}`, at, stage: 'task', level, text, agent: '', place: 3, sequence: 0 }];
}

/** The newest turn of each agent that is at work, by the id of its assignment's row. */
export function turnsAtWork({ task, assignments, progress }: Snapshot): ReadonlyMap<string, Turn> {
  const open = new Set(assignments.filter(({ line }) => line === '').map(({ id }) => id));
  const turns = new Map<string, Turn>();
  if (isFinal(task)) return turns;
  for (const { unitId, turn } of progress) {
    const known = turns.get(unitId);
    if (turn && open.has(unitId) && (!known || turn.number > known.number)) turns.set(unitId, turn);
  }
  return turns;
}

/** An agent's numbers, as they stand now. */
export function withTurn(row: Assignment, turn: Turn | undefined): Assignment {
  return turn ? { ...row, ...turn.total, turn: turn.number } : row;
}

/**
 * What agents cost beyond the totals of the task's row. It is written when the task moves on, so the
 * agents that have ended since are missing there, and those at work.
 */
export function sinceTotals(snapshot: Snapshot): Cost {
  const { task, assignments } = snapshot;
  const turns = turnsAtWork(snapshot);
  const ended = assignments.filter(({ line, state }) => line !== '' && state !== 'failed' && state !== 'cancelled').sort((one, other) => compare(one.updatedAt, other.updatedAt));
  const missing = isFinal(task) ? [] : ended.slice(task?.totals?.agentRuns ?? 0);
  const sum = { modelCalls: 0, inputTokens: 0, outputTokens: 0, costMicroUsd: 0 };
  const parts: Cost[] = [...missing.map((row) => ({ ...row, modelCalls: row.turn })), ...[...turns.values()].map(({ total }) => total)];
  for (const part of parts) {
    sum.modelCalls += part.modelCalls;
    sum.inputTokens += part.inputTokens;
    sum.outputTokens += part.outputTokens;
    sum.costMicroUsd += part.costMicroUsd;
  }
  return sum;
}
