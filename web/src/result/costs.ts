/** What a task has cost, by model, stage and agent. Pure. */

import { inOrder, type Snapshot } from '../lib/snapshot';
import type { Cost, ModelCost } from '../lib/task';
import { sinceTotals, turnsAtWork, withTurn } from '../lib/work';

/** A share of the cost. Amounts are millionths of a US dollar. */
export interface Share extends Cost {
  name: string;
}

export interface Costs {
  total: Cost;
  /** As the task's row has it: what agents at work have cost since comes when it moves on. */
  models: readonly ModelCost[];
  stages: readonly Share[];
  agents: readonly Share[];
}

const NO_COST: Cost = { modelCalls: 0, inputTokens: 0, outputTokens: 0, costMicroUsd: 0 };

function combined(parts: readonly Cost[], sign: 1 | -1 = 1, from = NO_COST): Cost {
  const keys = Object.keys(NO_COST) as (keyof Cost)[];
  const sums = keys.map((key) => {
    const sum = parts.reduce((known, part) => known + sign * part[key], from[key]);
    return [key, Math.max(0, sum)] as const;
  });
  return { ...NO_COST, ...Object.fromEntries(sums) };
}

/** Undefined before the first call was made. */
export function costsOf(snapshot: Snapshot): Costs | undefined {
  const turns = turnsAtWork(snapshot);
  const agents = inOrder(snapshot.assignments)
    .map((row) => withTurn(row, turns.get(row.id)))
    .map((row): Share => {
      const { inputTokens, outputTokens, costMicroUsd } = row;
      return { name: nameOf(row.title || row.name, row.round), modelCalls: row.turn, inputTokens, outputTokens, costMicroUsd };
    })
    .filter(({ modelCalls, costMicroUsd }) => modelCalls + costMicroUsd > 0);
  const judged = snapshot.progress.filter(({ kind }) => kind === 'judgement').flatMap(({ spent }) => spent ?? []);
  const totals = snapshot.task?.totals;
  const known = combined([totals ?? NO_COST, sinceTotals(snapshot)]);
  const [coding, reviewing] = [combined(agents), combined(judged)];
  const told = combined([coding, reviewing]);
  // What reviewers have cost is in the task's row when the review has ended.
  const total = known.costMicroUsd < told.costMicroUsd ? told : known;
  if (total.costMicroUsd + total.inputTokens === 0) return undefined;
  const stages = [
    { name: 'Planning', ...combined([told], -1, total) },
    { name: 'Coding', ...coding },
    { name: 'Reviewing', ...reviewing },
  ];
  return { total, models: totals?.models ?? [], stages, agents };
}

const nameOf = (title: string, round: number) => (round > 1 ? `${title}, round ${round}` : title);
