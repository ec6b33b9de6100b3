/** What a task has spent of what it may. Pure. Amounts are millionths of a US dollar. */

import type { Snapshot } from '../lib/snapshot';
import { sinceTotals } from '../lib/work';

/** From this part of the budget on it is told that it runs out. */
export const WARN_AT = 0.8;

export interface Spending {
  spent: number;
  tokens: number;
  /** The budget as it stands; undefined where none was set. */
  limit: number | undefined;
  /** What the next call can cost, where it does not fit. */
  needed: number;
  state: 'fine' | 'warn' | 'reached';
}

export function spendingOf(snapshot: Snapshot): Spending {
  const { task, terms, progress } = snapshot;
  const totals = task?.totals;
  const since = sinceTotals(snapshot);
  const spent = (totals?.costMicroUsd ?? 0) + since.costMicroUsd;
  const tokens = (totals?.inputTokens ?? 0) + (totals?.outputTokens ?? 0) + since.inputTokens + since.outputTokens;
  const raised = progress.reduce((most, { budgetMicroUsd }) => Math.max(most, budgetMicroUsd), 0);
  const limit = Math.max(terms?.budgetMicroUsd ?? 0, raised, totals?.exhausted?.limitMicroUsd ?? 0);
  let state: Spending['state'] = 'fine';
  if (limit > 0 && spent >= WARN_AT * limit) state = 'warn';
  if (totals?.exhausted) state = 'reached';
  return { spent, tokens, limit: limit > 0 ? limit : undefined, needed: totals?.exhausted?.neededMicroUsd ?? 0, state };
}
