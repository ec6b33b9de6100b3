/** What the person's tasks have taken: times, repeats and cost, from the rows. Pure. */

import { isFinal } from '../lib/snapshot';
import type { Cost, ModelCost, Task, Unit, UnitTable } from '../lib/task';

/** The stages that have units, in the order of a task. */
export const STAGE_TABLES = ['plans', 'assignments', 'reviews', 'releases', 'deployments'] as const satisfies readonly UnitTable[];

/** Values in order: the one in the middle, and the one that nine of ten do not exceed. Undefined where there is none. */
export interface Spread {
  count: number;
  median: number | undefined;
  most: number | undefined;
}

export interface StageSummary {
  table: UnitTable;
  /** Milliseconds from a unit's creation to its end. */
  took: Spread;
  /** Milliseconds until a unit's first execution. */
  queued: Spread;
  /** Units that took more than one execution: something died, waited, or had to go on. */
  repeated: number;
  /** Units after the first round of their plan: rework and what follows from it. */
  reworked: number;
  /** Units that ended with an error. */
  failed: number;
}

export interface TasksSummary {
  /** Tasks by status. */
  statuses: readonly (readonly [status: string, count: number])[];
  /** Milliseconds from the brief to the end, of tasks that have ended. */
  took: Spread;
  /** Millionths of a US dollar of each task that was charged. */
  cost: Spread;
  total: Cost;
  models: readonly ModelCost[];
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((one, other) => one - other);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];
  return { count: sorted.length, median: at(0.5), most: at(0.9) };
}

const between = ({ createdAt, updatedAt }: { createdAt: string; updatedAt: string }) =>
  Math.max(0, Date.parse(updatedAt) - Date.parse(createdAt));

/** The stage of `table`; only units that have ended count. */
export function stageOf(table: UnitTable, units: readonly Unit[]): StageSummary {
  const ended = units.filter(({ line }) => line !== '');
  const count = (is: (unit: Unit) => boolean) => ended.filter(is).length;
  return {
    table,
    took: spread(ended.map(between)),
    queued: spread(ended.flatMap(({ queuedMs }) => queuedMs ?? [])),
    repeated: count(({ executions }) => executions > 1),
    reworked: count(({ round }) => round > 1),
    failed: count(({ level }) => level === 'error'),
  };
}

export function tasksOf(tasks: readonly Task[]): TasksSummary {
  const statuses = new Map<string, number>();
  for (const { status } of tasks) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const totals = tasks.flatMap(({ totals }) => totals ?? []);
  return {
    statuses: [...statuses].sort(([, one], [, other]) => other - one),
    took: spread(tasks.filter((task) => isFinal(task)).map(between)),
    cost: spread(totals.map(({ costMicroUsd }) => costMicroUsd).filter((cost) => cost > 0)),
    total: sum(totals),
    models: modelsOf(totals.flatMap(({ models }) => models)),
  };
}

function sum(costs: readonly Cost[]): Cost {
  const total = { modelCalls: 0, inputTokens: 0, outputTokens: 0, costMicroUsd: 0 };
  for (const cost of costs) {
    total.modelCalls += cost.modelCalls;
    total.inputTokens += cost.inputTokens;
    total.outputTokens += cost.outputTokens;
    total.costMicroUsd += cost.costMicroUsd;
  }
  return total;
}

/** Each model once, the dearest first. */
function modelsOf(parts: readonly ModelCost[]): ModelCost[] {
  const ids = [...new Set(parts.map(({ id }) => id))];
  const models = ids.map((id) => ({ id, ...sum(parts.filter((part) => part.id === id)) }));
  return models.sort((one, other) => other.costMicroUsd - one.costMicroUsd);
}

/** Milliseconds in the unit that a person would choose. */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return '–';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
