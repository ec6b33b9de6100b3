/** A list of the user's own tasks, page after page, kept up to date. */

import type { Api } from './api';
import { type Filter, matches, PAGE_TASKS } from './history';
import { type Feed, onGap } from './live';
import { parseTask, type Task } from './task';
import { type Trouble, troubleOf } from './trouble';

/** Most tasks of one request. */
const PAGE_MAX = 100;
/** Messages of tasks that are not shown are answered with one fetch. */
const GATHER_MS = 300;

export interface Shown {
  /** Undefined until the first answer. */
  tasks: readonly Task[] | undefined;
  /** How many there are in all. */
  total: number;
  isMore: boolean;
  /** Another page was asked for. */
  isFetching: boolean;
  trouble: Trouble | undefined;
}

export class TaskList {
  readonly #api: Api;
  readonly #filter: Filter;
  readonly #size: number;
  readonly #show: (shown: Shown) => void;
  readonly #stops: (() => void)[];
  #shown: Shown = { tasks: undefined, total: 0, isMore: false, isFetching: false, trouble: undefined };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  #turn = 0;
  #wanted: number;

  constructor(api: Api, feed: Feed, filter: Filter, show: (shown: Shown) => void, size = PAGE_TASKS) {
    this.#api = api;
    this.#filter = filter;
    this.#size = size;
    this.#wanted = size;
    this.#show = show;
    this.#stops = [
      feed.onMessage((table, row) => {
        if (table === 'tasks') this.#message(parseTask(row));
      }),
      onGap(feed, () => void this.refetch()),
    ];
    void this.refetch();
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const stop of this.#stops) stop();
  }

  /** Fetches what is shown again: a message may have been missed. */
  async refetch() {
    clearTimeout(this.#timer);
    await this.#fetch([]);
  }

  /** Fetches the page after the last task that is shown. */
  async more() {
    if (this.#shown.isFetching) return;
    const known = this.#shown.tasks ?? [];
    this.#wanted = known.length + this.#size;
    await this.#fetch(known);
  }

  /** Fetches pages after those that are known, until there are as many as wanted. What began later counts. */
  async #fetch(known: readonly Task[]) {
    this.#turn += 1;
    const turn = this.#turn;
    this.#set({ isFetching: known.length > 0 });
    try {
      let [tasks, total, isMore] = [[...known], this.#shown.total, true];
      while (isMore && tasks.length < this.#wanted) {
        const limit = Math.min(this.#wanted - tasks.length, PAGE_MAX);
        const page = await this.#api.tasks(this.#filter, limit, tasks.at(-1)?.id);
        if (turn !== this.#turn) return;
        const isKnown = new Set(tasks.map(({ id }) => id));
        tasks = [...tasks, ...page.tasks.filter(({ id }) => !isKnown.has(id))];
        total = page.total;
        isMore = page.tasks.length === limit;
      }
      this.#set({ tasks, total, isMore, isFetching: false, trouble: undefined });
    } catch (error) {
      if (turn === this.#turn) this.#set({ isFetching: false, trouble: troubleOf(error, this.#api.endpoint) });
    }
  }

  #message(task: Task) {
    const { tasks } = this.#shown;
    const at = tasks?.findIndex(({ id }) => id === task.id) ?? -1;
    const known = tasks?.[at];
    if (!tasks || !known || !matches(this.#filter, task)) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.refetch(), GATHER_MS);
    } else if (task.rev > known.rev) {
      this.#set({ tasks: tasks.with(at, task) });
    }
  }

  #set(part: Partial<Shown>) {
    if (this.#isClosed) return;
    this.#shown = { ...this.#shown, ...part };
    this.#show(this.#shown);
  }
}
