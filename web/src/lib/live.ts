/**
 * Keeps the page up to date. Realtime has no replay, so a message is only a hint: the rows
 * are fetched again whenever something may have been missed.
 */

import type { Realtime } from 'appwrite';
import { type Api, DATABASE } from './api';
import { EMPTY, fetchSince, isAtWork, isFinal, type Snapshot, withRows, withTask } from './snapshot';
import { PARSE, type RowOf, TABLES, type Table, type Task, parseTask } from './task';
import { type Trouble, troubleOf } from './trouble';

/** Without news for this long, the rows of an open task are fetched. */
const SILENCE_MS = 2_000;
/** The longest pause between fetches of a task that stays silent while Realtime is connected. */
const SILENCE_MAX_MS = 8_000;
/** The pause before a look that failed is tried again. */
const NUDGE_AGAIN_MS = 5_000;
/** The shortest pause between fetches. */
const PAUSE_MIN_MS = 250;

export type Connection = 'connecting' | 'live' | 'reconnecting';
type Json = Record<string, unknown>;
type MessageListener = (table: string, row: Json) => void;

/** The page's one Realtime connection, with everything its user may read of the tables. */
export class Feed {
  state: Connection = 'connecting';
  readonly #messages = new Set<MessageListener>();
  readonly #states = new Set<() => void>();

  constructor(realtime: Realtime) {
    realtime.onOpen(() => this.#set('live'));
    realtime.onClose(() => this.#set('reconnecting'));
    const channels = ['tasks', ...TABLES].map((table) => `databases.${DATABASE}.tables.${table}.rows`);
    const deliver = ({ payload, channels: at }: { payload: Json; channels: string[] }) => {
      const table = payload.$tableId ?? tableOf(at);
      if (typeof table === 'string') for (const listener of this.#messages) listener(table, payload);
    };
    // A first attempt that fails is repeated by the SDK, which reports it through `onOpen`.
    realtime.subscribe<Json>(channels, deliver).catch(() => this.#set('reconnecting'));
  }

  /** Calls back for each row that changed. Returns how to stop. */
  onMessage(listener: MessageListener): () => void {
    this.#messages.add(listener);
    return () => this.#messages.delete(listener);
  }

  /** Calls back when the connection came or went. Returns how to stop. */
  onState(listener: () => void): () => void {
    this.#states.add(listener);
    return () => this.#states.delete(listener);
  }

  #set(state: Connection) {
    this.state = state;
    for (const listener of this.#states) listener();
  }
}

function tableOf(channels: readonly string[]): string | undefined {
  for (const channel of channels) {
    const [, table] = /^databases\.[^.]+\.tables\.([^.]+)\.rows/.exec(channel) ?? [];
    if (table) return table;
  }
  return undefined;
}

/** Calls back whenever messages may have been missed: reconnected, back online, visible again. */
function onGap(feed: Feed, callback: () => void): () => void {
  const visible = () => {
    if (!document.hidden) callback();
  };
  const stop = feed.onState(() => {
    if (feed.state === 'live') callback();
  });
  document.addEventListener('visibilitychange', visible);
  window.addEventListener('online', callback);
  return () => {
    stop();
    document.removeEventListener('visibilitychange', visible);
    window.removeEventListener('online', callback);
  };
}

/** One open task. */
export class LiveTask {
  readonly #api: Api;
  readonly #feed: Feed;
  readonly #taskId: string;
  readonly #show: (snapshot: Snapshot, trouble: Trouble | undefined) => void;
  readonly #stops: (() => void)[];
  #snapshot = EMPTY;
  #trouble: Trouble | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #fetching = false;
  #again = false;
  /** Fetches in a row that brought nothing. */
  #quiet = 0;
  /** A fetch began after the task's end was known: nothing more will come. */
  #settled = false;
  #closed = false;
  /** When the last news came. */
  #heard = Date.now();
  /** No look at the task can bring anything before this time. */
  #nudgeAt = 0;

  constructor(api: Api, feed: Feed, taskId: string, show: (snapshot: Snapshot, trouble: Trouble | undefined) => void) {
    this.#api = api;
    this.#feed = feed;
    this.#taskId = taskId;
    this.#show = show;
    this.#stops = [
      feed.onMessage((table, row) => this.#message(table, row)),
      onGap(feed, () => void this.refetch()),
    ];
    void this.refetch();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const stop of this.#stops) stop();
  }

  /** Fetches everything. A call during a fetch makes one more follow. */
  async refetch() {
    if (this.#fetching) {
      this.#again = true;
      return;
    }
    this.#fetching = true;
    const ended = isFinal(this.#snapshot.task);
    try {
      await this.#fetch();
      this.#trouble = undefined;
      this.#settled = ended && isFinal(this.#snapshot.task);
    } catch (error) {
      this.#trouble = troubleOf(error, this.#api.endpoint);
      this.#quiet += 1;
    }
    this.#fetching = false;
    if (this.#closed) return;
    this.#show(this.#snapshot, this.#trouble);
    if (Date.now() >= this.#nudgeDue()) void this.#nudge();
    if (this.#again) {
      this.#again = false;
      void this.refetch();
    } else {
      this.#wait();
    }
  }

  async #fetch() {
    const fetchRows = async <T extends Table>(table: T) => {
      const rows: RowOf[T][] = await this.#api.rows(table, this.#taskId, table === 'progress' ? since : undefined);
      return (known: Snapshot) => withRows(known, table, rows);
    };
    // The task's row first: what it points to was written before it.
    const task = await this.#api.task(this.#taskId);
    // The feed only grows. All of it is fetched at the beginning and at the end.
    const since = isFinal(task) ? undefined : fetchSince(this.#snapshot.progress);
    const changes = await Promise.all(TABLES.map((table) => fetchRows(table)));
    const next = changes.reduce((known, change) => change(known), withTask(this.#snapshot, task));
    this.#quiet = next === this.#snapshot ? this.#quiet + 1 : 0;
    if (this.#quiet === 0) this.#heard = Date.now();
    this.#snapshot = next;
  }

  #message(table: string, row: Json) {
    const mine = table === 'tasks' ? row.$id === this.#taskId : row.taskId === this.#taskId;
    if (!mine) return;
    const next = this.#applied(table, row);
    if (next !== this.#snapshot) {
      this.#snapshot = next;
      this.#show(next, this.#trouble);
    }
    this.#quiet = 0;
    this.#heard = Date.now();
    this.#wait();
  }

  /** When a task that should be at work is to be looked at, if it stays silent. */
  #nudgeDue(): number {
    if (!isAtWork(this.#snapshot.task)) return Number.POSITIVE_INFINITY;
    return Math.max(this.#heard + SILENCE_MS, this.#nudgeAt);
  }

  /** Has the task looked at: an execution that died is then made up for without the sweep. */
  async #nudge() {
    this.#nudgeAt = Date.now() + NUDGE_AGAIN_MS;
    try {
      this.#nudgeAt = Date.now() + (await this.#api.nudge(this.#taskId));
    } catch {
      // The next silence tries again, and the sweep comes by.
    }
    this.#wait();
  }

  #applied(table: string, row: Json): Snapshot {
    if (table === 'tasks') return withTask(this.#snapshot, parseTask(row));
    const known = TABLES.find((name) => name === table);
    return known ? withRows(this.#snapshot, known, [PARSE[known](row)]) : this.#snapshot;
  }

  /** Sets the clock to the end of the silence. */
  #wait() {
    clearTimeout(this.#timer);
    const over = this.#settled && isFinal(this.#snapshot.task);
    const lost = this.#trouble?.kind === 'missing' || this.#trouble?.kind === 'signed-out';
    if (over || lost || this.#closed) return;
    const longest = this.#feed.state === 'live' || this.#trouble ? SILENCE_MAX_MS : SILENCE_MS;
    const usual = Math.min(SILENCE_MS * 2 ** Math.min(this.#quiet, 8), longest);
    const pause = Math.max(Math.min(usual, this.#nudgeDue() - Date.now()), PAUSE_MIN_MS);
    this.#timer = setTimeout(() => {
      // A hidden page fetches when it is looked at again.
      if (!document.hidden) void this.refetch();
    }, pause);
  }
}

/** The user's own tasks. Returns how to stop. */
export function followTasks(
  api: Api,
  feed: Feed,
  show: (tasks: readonly Task[] | undefined, trouble: Trouble | undefined) => void,
): () => void {
  let closed = false;
  let tasks: readonly Task[] | undefined;
  const fetch = async () => {
    let trouble: Trouble | undefined;
    try {
      tasks = await api.tasks();
    } catch (error) {
      trouble = troubleOf(error, api.endpoint);
    }
    if (!closed) show(tasks, trouble);
  };
  const stops = [
    feed.onMessage((table) => {
      if (table === 'tasks') void fetch();
    }),
    onGap(feed, () => void fetch()),
  ];
  void fetch();
  return () => {
    closed = true;
    for (const stop of stops) stop();
  };
}
