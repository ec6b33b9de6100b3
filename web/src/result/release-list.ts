/** What was put out, from the release objects of the deployments. Pure. */

import type { Deployment, ReleaseRecord } from '../lib/task';

/** One release, over all times that it was put out. */
export interface Listed extends ReleaseRecord {
  /** When it was put out first. */
  at: string;
  /** When it was put out again, first to last. */
  again: readonly string[];
  isServed: boolean;
}

/** Every release, the newest first; `served`: the number of the one that is served, 0 for none. */
export function releasesOf(deployments: readonly Deployment[], served: number): Listed[] {
  const known = new Map<number, Listed>();
  for (const { release, updatedAt } of [...deployments].sort(byTime)) {
    if (!release) continue;
    const first = known.get(release.number);
    const again = first ? [...first.again, updatedAt] : [];
    known.set(release.number, { ...release, at: first?.at ?? updatedAt, again, isServed: release.number === served });
  }
  return [...known.values()].sort((one, other) => other.number - one.number);
}

const byTime = (one: Deployment, other: Deployment) =>
  one.generation - other.generation || one.round - other.round || one.sequence - other.sequence;

/** The mean of the verdicts, undefined without any. */
export function meanScore({ verdicts }: ReleaseRecord): number | undefined {
  if (verdicts.length === 0) return undefined;
  return Math.round(verdicts.reduce((sum, { points }) => sum + points, 0) / verdicts.length);
}
