/**
 * The files of a task at each point of its way: after the shared files of a plan, and after each
 * round. Pure. A plan's own first version holds what it builds on, so a tree never reaches
 * back behind it.
 */

import { compare } from '../lib/snapshot';
import type { FileVersion, Plan } from '../lib/task';

/** The files as they stood at one time. */
export interface Point {
  /** Unique among the points of a task, and the same for as long as the task lives. */
  key: string;
  /** As a person reads it. */
  label: string;
  /** Generation of the plan that was carried out; 0 before the first one. */
  plan: number;
  /** 0 before the agents of the plan began. */
  round: number;
  /** By path, in the order of paths. */
  files: ReadonlyMap<string, FileVersion>;
}

/** Before anything was written. */
export const NOTHING: Point = { key: 'nothing', label: 'Nothing', plan: -1, round: 0, files: new Map() };

/** The generations of the plans whose files there are, in order. */
export function planGenerations(plans: readonly Plan[], versions: readonly FileVersion[]): number[] {
  const written = new Set(versions.map(({ generation }) => generation));
  const begun = plans.filter((plan) => plan.assignmentCount > 0 || written.has(plan.generation));
  return [...new Set(begun.map(({ generation }) => generation))].sort((one, other) => one - other);
}

/** The plan that is carried out in a generation; 0 before the first one. */
export const planOf = (generations: readonly number[], generation: number): number =>
  generations.findLast((own) => own <= generation) ?? 0;

/** Every point of a task, first to last; none before the first file. */
export function pointsOf(plans: readonly Plan[], versions: readonly FileVersion[]): Point[] {
  const generations = planGenerations(plans, versions);
  const byPlan = new Map<number, FileVersion[]>();
  for (const version of versions) {
    const plan = planOf(generations, version.generation);
    const known = byPlan.get(plan);
    if (known) known.push(version);
    else byPlan.set(plan, [version]);
  }
  const owned = [...byPlan].sort(([one], [other]) => one - other);
  return owned.flatMap(([plan, own]) => {
    const place = generations.indexOf(plan) + 1;
    const name = (round: number) => labelOf(place, generations.length, round);
    return roundsOf(own).map((round): Point => {
      const files = treeOf(own.filter((version) => version.round <= round));
      return { key: `${plan}.${round}`, label: name(round), plan, round, files };
    });
  });
}

function labelOf(place: number, plans: number, round: number): string {
  if (place === 0) return 'As it was read';
  const own = round === 0 ? 'start' : `round ${round}`;
  return plans > 1 ? `Plan ${place}, ${own}` : own.charAt(0).toUpperCase() + own.slice(1);
}

function roundsOf(versions: readonly FileVersion[]): number[] {
  return [...new Set(versions.map(({ round }) => round))].sort((one, other) => one - other);
}

/** Of each path the version of the highest round; of equal ones, that which was written last. */
function treeOf(versions: readonly FileVersion[]): ReadonlyMap<string, FileVersion> {
  const latest = new Map<string, FileVersion>();
  for (const version of versions) {
    const known = latest.get(version.path);
    const newer = known ? version.round - known.round || version.sequence - known.sequence : 1;
    if (newer > 0) latest.set(version.path, version);
  }
  const there = [...latest.values()].filter((version) => !version.deleted);
  return new Map(there.sort((one, other) => compare(one.path, other.path)).map((version) => [version.path, version]));
}

/** What a reviewer of that round saw: the last point of the plan that is not after it. */
export const pointSeen = (points: readonly Point[], plan: number, round: number): Point | undefined =>
  points.findLast((point) => point.plan === plan && point.round <= round);

/** A path that differs between two points. */
export interface Change {
  path: string;
  kind: 'added' | 'removed' | 'changed';
  before: FileVersion | undefined;
  after: FileVersion | undefined;
}

/** What differs, by path. */
export function changesBetween(from: Point, to: Point): Change[] {
  const paths = [...new Set([...from.files.keys(), ...to.files.keys()])].sort(compare);
  return paths.flatMap((path): Change[] => {
    const [before, after] = [from.files.get(path), to.files.get(path)];
    if (before && after) return isEqual(before, after) ? [] : [{ path, kind: 'changed', before, after }];
    return [{ path, kind: before ? 'removed' : 'added', before, after }];
  });
}

function isEqual(before: FileVersion, after: FileVersion): boolean {
  return before.id === after.id || (before.hash !== '' && before.hash === after.hash);
}

/** The two points that tell what changed last, or between those that are asked for. */
export function pairOf(points: readonly Point[], from: string, to: string): [Point, Point] {
  const all = [NOTHING, ...points];
  const last = all.find(({ key }) => key === to) ?? all.at(-1) ?? NOTHING;
  const before = all[Math.max(0, all.indexOf(last) - 1)] ?? NOTHING;
  return [all.find(({ key }) => key === from) ?? before, last];
}
