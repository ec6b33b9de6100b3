/** How long a task takes: each of its stages, and all of it. Pure: it follows from the rows and a clock. */

import { isAtWork, isFinal, isImport, type Snapshot } from '../lib/snapshot';
import type { STAGES, Unit } from '../lib/task';
import { lastTold } from '../lib/work';

type Stage = (typeof STAGES)[number];
type Span = readonly [from: number, to: number];

const at = (time: string): number => new Date(time).getTime();

/** Until when open work counts: now while somebody is at it, else when the task stopped. */
function clockOf(snapshot: Snapshot, now: number): number {
  const { task } = snapshot;
  if (!task || isAtWork(task)) return now;
  return at(isFinal(task) ? task.updatedAt : lastTold(snapshot));
}

/** Milliseconds that each stage has taken; those at the same time count once. 0 for a stage that has not begun. */
export function stageTimes(snapshot: Snapshot, now: number): Record<Stage, number> {
  const { task, plans, assignments, reviews, releases, deployments } = snapshot;
  const end = clockOf(snapshot, now);
  const spans = (units: readonly Unit[]) =>
    units.map(({ createdAt, updatedAt, line }): Span => [at(createdAt), line === '' ? end : at(updatedAt)]);
  const planning = [...plans, ...releases.filter(({ id }) => isImport(id))];
  const first = Math.min(end, ...planning.map(({ createdAt }) => at(createdAt)));
  return {
    pending: task ? Math.max(0, first - at(task.createdAt)) : 0,
    planning: lengthOf(spans(planning)),
    coding: lengthOf(spans(assignments)),
    reviewing: lengthOf(spans(reviews)),
    publishing: lengthOf(spans(releases.filter(({ id }) => !isImport(id)))),
    deploying: lengthOf(spans(deployments)),
    completed: 0,
  };
}

/** The length of the union of spans. */
export function lengthOf(spans: readonly Span[]): number {
  let [sum, reached] = [0, Number.NEGATIVE_INFINITY];
  for (const [from, to] of [...spans].sort(([one], [other]) => one - other)) {
    sum += Math.max(0, to - Math.max(from, reached));
    reached = Math.max(reached, to);
  }
  return sum;
}

/** Milliseconds from the brief to now, or to the end. */
export function elapsed(snapshot: Snapshot, now: number): number {
  const { task } = snapshot;
  if (!task) return 0;
  return Math.max(0, (isFinal(task) ? at(task.updatedAt) : now) - at(task.createdAt));
}

/**
 * Milliseconds that the work will probably go on, by the plan's estimate and how long its agents and
 * what followed have been at it. Negative where it takes longer; undefined where nothing is known.
 */
export function remaining(snapshot: Snapshot, now: number): number | undefined {
  const plan = snapshot.plans.findLast(({ line }) => line !== '');
  if (!plan?.estimate || !snapshot.task || isFinal(snapshot.task)) return undefined;
  const { assignments, reviews, releases, deployments } = snapshot;
  const end = clockOf(snapshot, now);
  const since = at(plan.createdAt);
  const units: readonly Unit[] = [...assignments, ...reviews, ...releases, ...deployments];
  const spans = units
    .filter(({ createdAt }) => at(createdAt) >= since)
    .map(({ createdAt, updatedAt, line }): Span => [at(createdAt), line === '' ? end : at(updatedAt)]);
  return plan.estimate.minutes * 60_000 - lengthOf(spans);
}
