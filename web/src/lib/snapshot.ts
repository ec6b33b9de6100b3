/**
 * What the page knows of one task, and how news change it. Pure: messages may come late,
 * twice or never, so a row is taken only if it is not older than the known one, and the
 * order never depends on the order of arrival.
 */

import {
  AT_WORK,
  type Assignment,
  FINAL,
  type Row,
  type RowOf,
  STAGES,
  type Table,
  type Task,
  type Terms,
} from './task';

type Rows = { readonly [T in Table]: readonly RowOf[T][] };

export interface Snapshot extends Rows {
  readonly task: Task | undefined;
  /** What its owner asked for beside the work itself; undefined until it is fetched. */
  readonly terms: Terms | undefined;
}

export const EMPTY: Snapshot = {
  task: undefined,
  terms: undefined,
  plans: [],
  assignments: [],
  progress: [],
  files: [],
  reviews: [],
  releases: [],
  deployments: [],
};

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/** The newer of two versions of the task's row, by `rev`. Returns `known` itself when nothing is new. */
export function newerTask(known: Task | undefined, incoming: Task): Task {
  if (!known) return incoming;
  if (incoming.rev < known.rev || same(known, incoming)) return known;
  if (incoming.rev === known.rev && incoming.updatedAt < known.updatedAt) return known;
  return incoming;
}

/**
 * The union of two sets of rows in the order of their creation, each row in its newest
 * version. Returns `known` itself when nothing is new.
 */
export function mergeRows<T extends Row>(known: readonly T[], incoming: readonly T[]): readonly T[] {
  const [only] = incoming;
  // What a message brings is mostly the newest row of a table that may have thousands.
  if (only && incoming.length === 1 && only.sequence > (known.at(-1)?.sequence ?? 0)) return [...known, only];
  const byId = new Map(known.map((row) => [row.id, row]));
  let changed = false;
  for (const row of incoming) {
    const old = byId.get(row.id);
    if (old && (row.updatedAt < old.updatedAt || same(old, row))) continue;
    byId.set(row.id, row);
    changed = true;
  }
  if (!changed) return known;
  return [...byId.values()].sort((one, other) => one.sequence - other.sequence || compare(one.id, other.id));
}

/** `known` with the terms of the brief, which never change. */
export function withTerms(known: Snapshot, terms: Terms): Snapshot {
  return known.terms ? known : { ...known, terms };
}

/** `known` with rows of one table. Returns `known` itself when nothing is new. */
export function withRows<T extends Table>(known: Snapshot, table: T, rows: readonly RowOf[T][]): Snapshot {
  const all: Rows = known;
  const merged = mergeRows<RowOf[T]>(all[table], rows);
  return merged === all[table] ? known : { ...known, [table]: merged };
}

/** `known` with a version of the task's row. Returns `known` itself when nothing is new. */
export function withTask(known: Snapshot, task: Task): Snapshot {
  const newer = newerTask(known.task, task);
  return newer === known.task ? known : { ...known, task: newer };
}

export function isAtWork(task: Task | undefined): boolean {
  return task !== undefined && AT_WORK.includes(task.status);
}

export function isFinal(task: Task | undefined): boolean {
  return task !== undefined && FINAL.includes(task.status);
}

/** The order of two texts, byte by byte. */
export function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

/** Agents at work first to last: by generation, round, then creation. */
export function inOrder(assignments: readonly Assignment[]): Assignment[] {
  return [...assignments].sort(
    (one, other) => one.generation - other.generation || one.round - other.round || one.sequence - other.sequence,
  );
}

/** Whether a row of `releases` is of the unit that reads an existing repository. */
export const isImport = (id: string): boolean => id.startsWith('i');

/** The place in the stage bar: the status's own, or how far the task came before it ended otherwise. */
export function stageReached({ task, assignments, reviews, releases, deployments }: Snapshot): number {
  const own = STAGES.findIndex((stage) => stage === task?.status);
  if (own >= 0) return own;
  const began = (rows: readonly Row[]) => rows.map(({ createdAt }) => createdAt).sort(compare).at(-1);
  // What reads a repository shares its table with what commits to one.
  const commits = releases.filter(({ id }) => !isImport(id));
  const stages = [assignments, reviews, commits, deployments].map(began);
  // Work that came back to an earlier stage is the newest.
  const newest = stages.filter((time) => time !== undefined).sort(compare).at(-1);
  return newest === undefined ? STAGES.indexOf('planning') : STAGES.indexOf('coding') + stages.lastIndexOf(newest);
}

/** Rows that are fetched again with the new ones: times are given before rows can be seen. */
const OVERLAP_ROWS = 50;

/**
 * From which `$updatedAt` on rows of a table that only grows are to be fetched after these were.
 * Undefined: from where these were. Rows that came otherwise say nothing about what was missed before.
 */
export function fetchSince(fetched: readonly Row[]): string | undefined {
  const times = fetched.map(({ updatedAt }) => updatedAt).sort(compare);
  return times.at(-OVERLAP_ROWS);
}
