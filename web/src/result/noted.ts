/** What reviewers found, each thing once, with what became of it. Pure. */

import { compare } from '../lib/snapshot';
import type { Finding, Review } from '../lib/task';
import { planOf } from './versions';

/** `remark`: something that nobody has to change. */
export type NotedState = 'open' | 'resolved' | 'remark';

/** A finding over all reviews of a plan. */
export interface Noted extends Finding {
  key: string;
  state: NotedState;
  /** Generation of the plan. */
  plan: number;
  /** The last review in which it was open: `line` is one of the files that this one saw. */
  round: number;
  /** The review that found it resolved, 0 while it is open. */
  resolvedIn: number;
}

/** Everything that was found, by plan and path; `plans`: the generations of the plans. */
export function notedIn(reviews: readonly Review[], plans: readonly number[]): Noted[] {
  const known = new Map<string, Noted>();
  const inOrder = [...reviews].sort(
    (one, other) => one.generation - other.generation || one.round - other.round || one.sequence - other.sequence,
  );
  for (const { generation, round, rework, resolved, remarks } of inOrder) {
    const plan = planOf(plans, generation);
    const keyOf = (finding: Finding) => `${plan}|${finding.assignment}|${finding.id || `${finding.path}|${finding.problem}`}`;
    for (const finding of rework) {
      const key = keyOf(finding);
      const since = finding.since || known.get(key)?.since || round;
      known.set(key, { ...finding, key, state: 'open', plan, round, resolvedIn: 0, since });
    }
    for (const finding of resolved) {
      const key = keyOf(finding);
      const open = known.get(key);
      // A row that was lost leaves the line of the review before.
      const seen = open ?? { ...finding, key, plan, round: Math.max(1, round - 1), since: finding.since };
      known.set(key, { ...seen, state: 'resolved', resolvedIn: round });
    }
    for (const finding of remarks) {
      const key = `${plan}|remark|${finding.path}|${finding.problem}`;
      const since = finding.since || known.get(key)?.since || round;
      known.set(key, { ...finding, key, state: 'remark', plan, round, resolvedIn: 0, since });
    }
  }
  return [...known.values()].sort(
    (one, other) => one.plan - other.plan || compare(one.path, other.path) || one.line - other.line,
  );
}

/** What a person reads beside a finding: since when it is known, and what became of it. */
export function storyOf({ state, since, resolvedIn }: Noted): string {
  if (state === 'remark') return `Remark of review ${since}`;
  if (state === 'resolved') return `Found in review ${since}, resolved in review ${resolvedIn}`;
  return `Open since review ${since}`;
}
