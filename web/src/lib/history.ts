/** What is looked for in the list of tasks, as queries of Appwrite and as part of the address. */

import { Query } from 'appwrite';
import { PROJECT_TYPES } from './brief';
import { AT_WORK, type Task } from './task';

/** Tasks of one page of the list. */
export const PAGE_TASKS = 25;

export const STATUSES = {
  all: ['All', []],
  work: ['At work', AT_WORK],
  waits: ['Waits for you', ['awaiting_approval', 'paused']],
  completed: ['Completed', ['completed']],
  failed: ['Failed', ['failed']],
  cancelled: ['Cancelled', ['cancelled']],
} as const satisfies Record<string, readonly [string, readonly string[]]>;
export type StatusFilter = keyof typeof STATUSES;

export const SORTS = {
  newest: ['Newest first', () => Query.orderDesc('$createdAt')],
  oldest: ['Oldest first', () => Query.orderAsc('$createdAt')],
  changed: ['Changed last', () => Query.orderDesc('$updatedAt')],
  name: ['By name', () => Query.orderAsc('name')],
} as const satisfies Record<string, readonly [string, () => string]>;
export type Sort = keyof typeof SORTS;

export interface Filter {
  search: string;
  status: StatusFilter;
  /** One of the project types; empty for all. */
  type: string;
  sort: Sort;
}

export const EVERYTHING: Filter = { search: '', status: 'all', type: '', sort: 'newest' };

export const isEverything = ({ search, status, type }: Filter): boolean => search.trim() === '' && status === 'all' && type === '';

/** The queries of a page that begins after the task `after`. */
export function queriesOf(filter: Filter, limit: number, after?: string): string[] {
  const { search, status, type, sort } = filter;
  const statuses: readonly string[] = STATUSES[status][1];
  return [
    ...(search.trim() === '' ? [] : [Query.contains('name', search.trim())]),
    ...(statuses.length === 0 ? [] : [Query.equal('status', [...statuses])]),
    ...(type === '' ? [] : [Query.equal('type', type)]),
    SORTS[sort][1](),
    Query.limit(limit),
    ...(after === undefined ? [] : [Query.cursorAfter(after)]),
  ];
}

/** Whether a task that has changed still belongs to the list. */
export function matches(filter: Filter, task: Task): boolean {
  const statuses: readonly string[] = STATUSES[filter.status][1];
  return (
    (statuses.length === 0 || statuses.includes(task.status)) &&
    (filter.type === '' || filter.type === task.type) &&
    task.name.toLowerCase().includes(filter.search.trim().toLowerCase())
  );
}

/** The address of a list, so that a reload and the way back return to it. */
export function hrefOf(filter: Filter): string {
  const chosen = (Object.keys(EVERYTHING) as (keyof Filter)[]).filter((key) => filter[key] !== EVERYTHING[key]);
  const query = new URLSearchParams(chosen.map((key) => [key, filter[key]])).toString();
  return query === '' ? '#/projects' : `#/projects?${query}`;
}

export function filterOf(hash: string): Filter {
  const query = new URLSearchParams(hash.split('?')[1] ?? '');
  const [search, status, type, sort] = ['search', 'status', 'type', 'sort'].map((key) => query.get(key) ?? '');
  return {
    search: search ?? '',
    status: keyOf(STATUSES, status) ?? 'all',
    type: PROJECT_TYPES.find((known) => known === type) ?? '',
    sort: keyOf(SORTS, sort) ?? 'newest',
  };
}

const keyOf = <T extends object>(words: T, key: string | undefined): keyof T | undefined =>
  (Object.keys(words) as (keyof T & string)[]).find((known) => known === key);

const STATUS_WORDS: Record<string, string> = {
  pending: 'starts',
  awaiting_approval: 'waits for you',
};

export const statusWord = (status: string): string => STATUS_WORDS[status] ?? status;

/** How long it has taken, or has been going on, in the largest unit that fits twice. */
export function took(task: Task, now: number, isOver: boolean): string {
  const end = isOver ? Date.parse(task.updatedAt) : now;
  const seconds = Math.max(0, Math.round((end - Date.parse(task.createdAt)) / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}
