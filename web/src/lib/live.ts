/**
 * Keeps the page up to date. Realtime has no replay, so a message is only a hint: the rows
 * are fetched again whenever something may have been missed.
 */

import type { Realtime } from 'appwrite';
import { type Api, DATABASE } from './api';
import { EMPTY, fetchSince, isAtWork, isFinal, type Snapshot, withRows, withTask, withTerms } from './snapshot';
import { PARSE, type RowOf, TABLES, type Table, parseTask } from './task';
import { type Trouble, troubleOf } from './trouble';

/** Without news for this long, the rows of an open task are fetched. */
const SILENCE_MS = 2_000;
/** The longest pause between fetches of a task that stays silent while Realtime is connected. */
const SILENCE_MAX_MS = 8_000;
/** The pause before a look that failed is tried again. */
const NUDGE_AGAIN_MS = 5_000;
/** The shortest pause between fetches. */
const PAUSE_MIN_MS = 250;
/** The longest time without a fetch of a task whose messages keep coming: one of them may be lost. */
const BUSY_MAX_MS = 15_000;
/** The pause between fetches of a task at work on a page that nobody sees. */
const HIDDEN_MS = 60_000;
/** After Realtime came back, its channels are joined within this time. */
const SETTLE_MS = 1_500;
/** Messages that come together are shown together. */
const SHOW_MS = 50;

export type Connection = 'connecting' | 'live' | 'reconnecting';
type Json = Record<string, unknown>;
type MessageListener = (table: string, row: Json) => void;

/** The page's one Realtime connection, with everything its user may read of the tables. */
export class Feed {
  state: Connection = 'connecting';
  readonly #open: () => Realtime;
  readonly #messages = new Set<MessageListener>();
  readonly #states = new Set<() => void>();
  readonly #sessions = new Set<() => void>();
  readonly #online = () => this.reconnect();
  /** The connection in use; what an older one still reports is not heard. */
  #realtime: Realtime | undefined;

  /** `open` makes a connection of its own each time. */
  constructor(open: () => Realtime) {
    this.#open = open;
    this.#connect();
    window.addEventListener('online', this.#online);
  }

  /** Gives the connection up and makes another one at once, without the SDK's pause. */
  reconnect() {
    const old = this.#realtime;
    this.#set('reconnecting');
    this.#connect();
    old?.disconnect().catch(() => undefined);
  }

  /** Ends the connection for good. */
  close() {
    window.removeEventListener('online', this.#online);
    const old = this.#realtime;
    this.#realtime = undefined;
    old?.disconnect().catch(() => undefined);
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

  /** Calls back when a session of the user has ended. Returns how to stop. */
  onSessionEnd(listener: () => void): () => void {
    this.#sessions.add(listener);
    return () => this.#sessions.delete(listener);
  }

  #connect() {
    const realtime = this.#open();
    this.#realtime = realtime;
    const isMine = () => this.#realtime === realtime;
    const report = (state: Connection) => isMine() && this.#set(state);
    realtime.onOpen(() => report('live'));
    realtime.onClose(() => report('reconnecting'));
    const tables = ['tasks', ...TABLES].map((table) => `databases.${DATABASE}.tables.${table}.rows`);
    const deliver = ({ payload, channels, events }: { payload: Json; channels: string[]; events: string[] }) => {
      if (!isMine()) return;
      if (events.some((event) => /\.sessions\..*\.delete$/.test(event))) for (const listener of this.#sessions) listener();
      const table = payload.$tableId ?? tableOf(channels);
      if (typeof table === 'string') for (const listener of this.#messages) listener(table, payload);
    };
    // A first attempt that fails is repeated by the SDK, which reports it through `onOpen`.
    realtime.subscribe<Json>([...tables, 'account'], deliver).catch(() => report('reconnecting'));
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
export function onGap(feed: Feed, callback: () => void): () => void {
  let settling: ReturnType<typeof setTimeout> | undefined;
  const visible = () => {
    if (!document.hidden) callback();
  };
  const stop = feed.onState(() => {
    clearTimeout(settling);
    if (feed.state !== 'live') return;
    callback();
    // The connection is open before its channels are joined: what came between is fetched too.
    settling = setTimeout(callback, SETTLE_MS);
  });
  document.addEventListener('visibilitychange', visible);
  window.addEventListener('online', callback);
  return () => {
    clearTimeout(settling);
    stop();
    document.removeEventListener('visibilitychange', visible);
    window.removeEventListener('online', callback);
  };
}

/** What a page knows of its task, and how it stands with the news. Times are of this browser's clock. */
export interface LiveView {
  snapshot: Snapshot;
  trouble: Trouble | undefined;
  /** When the rows were last fetched; undefined before the first time. */
  asOf: number | undefined;
  /** The rows are being fetched. */
  looking: boolean;
  /** When they will be fetched next, if nothing comes before. */
  nextAt: number | undefined;
}

/** One open task. */
export class LiveTask {
  readonly #api: Api;
  readonly #feed: Feed;
  readonly #taskId: string;
  readonly #show: (view: LiveView) => void;
  readonly #stops: (() => void)[];
  #snapshot = EMPTY;
  #trouble: Trouble | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #showing: ReturnType<typeof setTimeout> | undefined;
  #fetching: Promise<void> | undefined;
  #looking = false;
  #again = false;
  /** From which `$updatedAt` on lines of the feed are fetched: all before it have been. */
  #since: string | undefined;
  #asOf: number | undefined;
  #nextAt: number | undefined;
  /** Fetches in a row that brought nothing. */
  #quiet = 0;
  /** A fetch began after the task's end was known: nothing more will come. */
  #settled = false;
  #closed = false;
  /** When the last news came. */
  #heard = Date.now();
  /** When the last fetch ended, well or not. */
  #fetchedAt = Date.now();
  /** No look at the task can bring anything before this time. */
  #nudgeAt = 0;

  constructor(api: Api, feed: Feed, taskId: string, show: (view: LiveView) => void) {
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
    clearTimeout(this.#showing);
    for (const stop of this.#stops) stop();
  }

  /**
   * Fetches everything. A call during a fetch makes one more follow. Returns what is known
   * after a fetch that began after the call.
   */
  async refetch(): Promise<Snapshot> {
    if (this.#fetching) {
      this.#again = true;
      // By its end the next one has begun.
      await this.#fetching;
    } else {
      this.#fetching = this.#look();
    }
    await this.#fetching;
    return this.#snapshot;
  }

  async #look() {
    const wasLost = this.#trouble?.kind === 'unreachable';
    this.#looking = true;
    if (this.#trouble) this.#report();
    const ended = isFinal(this.#snapshot.task);
    try {
      await this.#fetch();
      this.#trouble = undefined;
      this.#asOf = Date.now();
      this.#settled = ended && isFinal(this.#snapshot.task);
    } catch (error) {
      this.#trouble = troubleOf(error, this.#api.endpoint);
      this.#quiet += 1;
    }
    this.#fetchedAt = Date.now();
    this.#looking = false;
    this.#fetching = undefined;
    if (this.#closed) return;
    // What kept the rows away may have taken the connection along without a word.
    if (wasLost && !this.#trouble) this.#feed.reconnect();
    if (Date.now() >= this.#nudgeDue()) void this.#nudge();
    if (this.#again) {
      this.#again = false;
      this.#fetching = this.#look();
    } else {
      this.#wait();
    }
    this.#report();
  }

  #report() {
    clearTimeout(this.#showing);
    this.#showing = undefined;
    this.#show({
      snapshot: this.#snapshot,
      trouble: this.#trouble,
      asOf: this.#asOf,
      looking: this.#looking,
      nextAt: this.#nextAt,
    });
  }

  async #fetch() {
    // The task's row first: what it points to was written before it.
    const task = await this.#api.task(this.#taskId);
    // The feed only grows. All of it is fetched at the beginning and at the end.
    const since = isFinal(task) ? undefined : this.#since;
    const fetchRows = async <T extends Table>(table: T) => {
      const rows: RowOf[T][] = await this.#api.rows(table, this.#taskId, table === 'progress' ? since : undefined);
      const mark = table === 'progress' ? fetchSince(rows) : undefined;
      return { mark, change: (known: Snapshot) => withRows(known, table, rows) };
    };
    const terms = this.#snapshot.terms ?? this.#api.terms(this.#taskId);
    const [known, fetched] = await Promise.all([terms, Promise.all(TABLES.map((table) => fetchRows(table)))]);
    // Messages that came meanwhile do not move the mark: there may be a gap before them.
    this.#since = fetched.find(({ mark }) => mark !== undefined)?.mark ?? this.#since;
    const next = fetched.reduce((so, { change }) => change(so), withTerms(withTask(this.#snapshot, task), known));
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
      this.#showing ??= setTimeout(() => this.#report(), SHOW_MS);
    }
    this.#quiet = 0;
    this.#heard = Date.now();
    if (!this.#fetching) this.#wait();
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
    this.#nextAt = undefined;
    const over = this.#settled && isFinal(this.#snapshot.task);
    const lost = this.#trouble?.kind === 'missing' || this.#trouble?.kind === 'signed-out';
    if (over || lost || this.#closed) return;
    const longest = this.#feed.state === 'live' || this.#trouble ? SILENCE_MAX_MS : SILENCE_MS;
    const usual = Math.min(SILENCE_MS * 2 ** Math.min(this.#quiet, 8), longest);
    const due = Math.min(this.#nudgeDue(), this.#fetchedAt + BUSY_MAX_MS) - Date.now();
    const pause = document.hidden ? HIDDEN_MS : Math.max(Math.min(usual, due), PAUSE_MIN_MS);
    this.#nextAt = Date.now() + pause;
    this.#timer = setTimeout(() => {
      // A hidden page fetches when it is looked at again, unless somebody is at work meanwhile.
      if (!document.hidden || isAtWork(this.#snapshot.task)) void this.refetch();
    }, pause);
  }
}
