import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Realtime } from 'appwrite';
import type { Api } from './api';
import { Feed, LiveTask, type LiveView } from './live';
import { PARSE, parseTask, parseTerms, type Table } from './task';
import { feedLines } from './work';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

/** A page: what `live` asks of the browser. */
class Page extends EventTarget {
  hidden = false;
  show(hidden: boolean) {
    this.hidden = hidden;
    this.dispatchEvent(new Event('visibilitychange'));
  }
}

/** A server with rows, and the connections to it. */
class Server {
  reachable = true;
  /** Connections are open for HTTP, but nothing comes over Realtime, and nobody is told. */
  mute = false;
  fetches = 0;
  fullFetches = 0;
  rev = 1;
  status = 'coding';
  readonly lines: Record<string, unknown>[] = [];
  readonly sockets: { opened: () => void; closed: () => void; deliver: ((message: object) => void) | undefined }[] = [];
  /** Runs in the middle of the next fetch. */
  during: (() => void) | undefined;

  write(count: number, tell = true) {
    for (let index = 0; index < count; index += 1) {
      const number = this.lines.length + 1;
      const now = new Date().toISOString();
      const row = { $id: `l${number}`, $tableId: 'progress', $sequence: `${number}`, $createdAt: now, $updatedAt: now, taskId: 't', stage: 'coding', level: 'info', text: `line ${number}` };
      this.lines.push(row);
      if (tell) this.tell(row);
    }
  }

  finish() {
    this.status = 'completed';
    this.rev += 1;
    this.tell(this.task());
  }

  tell(row: Record<string, unknown>) {
    if (!this.mute) this.sockets.at(-1)?.deliver?.({ payload: row, channels: [], events: [] });
  }

  task(): Record<string, unknown> {
    return { $id: 't', $tableId: 'tasks', $updatedAt: new Date().toISOString(), rev: this.rev, status: this.status };
  }

  cut() {
    this.reachable = false;
    this.sockets.at(-1)?.closed();
  }

  api(): Api {
    const guard = async <T>(answer: () => T): Promise<T> => {
      await Promise.resolve();
      if (!this.reachable) throw new TypeError('Failed to fetch');
      return answer();
    };
    const api = {
      endpoint: 'http://here/v1',
      task: () => guard(() => parseTask(this.task())),
      terms: () => guard(() => parseTerms({})),
      nudge: () => guard(() => 60_000),
      rows: (table: Table, _: string, since?: string) =>
        guard(() => {
          if (table !== 'progress') return [];
          this.fetches += 1;
          if (!since) this.fullFetches += 1;
          const found = this.lines.filter((row) => !since || String(row.$updatedAt) >= since);
          this.during?.();
          this.during = undefined;
          return found.map((row) => PARSE.progress(row));
        }),
    };
    return api as unknown as Api;
  }

  /** A connection that opens in a second, and is tried again by itself as the SDK does. */
  open(): Realtime {
    const on = { open: () => {}, close: () => {} };
    const socket: (typeof this.sockets)[number] = {
      opened: () => on.open(),
      closed: () => {
        socket.deliver = undefined;
        on.close();
        if (!ended) setTimeout(attempt, 60 * SECOND);
      },
      deliver: undefined,
    };
    let ended = false;
    let callback: (message: object) => void = () => {};
    const attempt = () => {
      if (ended) return;
      if (!this.reachable) return socket.closed();
      socket.deliver = callback;
      socket.opened();
    };
    this.sockets.push(socket);
    const realtime = {
      onOpen: (listener: () => void) => (on.open = listener),
      onClose: (listener: () => void) => (on.close = listener),
      subscribe: async (_: unknown, listener: (message: object) => void) => {
        callback = listener;
        setTimeout(attempt, SECOND);
      },
      disconnect: async () => {
        ended = true;
        socket.deliver = undefined;
      },
    };
    return realtime as unknown as Realtime;
  }
}

let page: Page;
let browser: EventTarget;
let server: Server;
let feed: Feed;
let live: LiveTask | undefined;
let view: LiveView;

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-01-01T00:00:00Z') });
  page = new Page();
  browser = new EventTarget();
  vi.stubGlobal('document', page);
  vi.stubGlobal('window', browser);
  vi.stubGlobal('navigator', { onLine: true });
  server = new Server();
  feed = new Feed(() => server.open());
});

afterEach(() => {
  live?.close();
  feed.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function watch() {
  live = new LiveTask(server.api(), feed, 't', (next) => {
    view = next;
  });
  await vi.advanceTimersByTimeAsync(3 * SECOND);
}

const numbers = () => view.snapshot.progress.map(({ sequence }) => sequence);
const all = () => server.lines.map((_, index) => index + 1);
const settled = () => vi.advanceTimersByTimeAsync(20 * SECOND);

test('an hour offline loses no line and doubles none', async () => {
  server.write(120);
  await watch();
  expect(numbers()).toEqual(all());
  server.cut();
  for (let minute = 0; minute < 60; minute += 1) {
    server.write(5, false);
    await vi.advanceTimersByTimeAsync(HOUR / 60);
  }
  expect(view.trouble?.kind).toBe('unreachable');
  expect(feed.state).toBe('reconnecting');
  expect(numbers()).toHaveLength(120);
  const before = server.fullFetches;
  server.reachable = true;
  browser.dispatchEvent(new Event('online'));
  await settled();
  expect([feed.state, view.trouble]).toEqual(['live', undefined]);
  expect(numbers()).toEqual(all());
  expect(server.fullFetches).toBe(before);
  const shown = feedLines(view.snapshot).filter(({ text }) => text.startsWith('line'));
  expect(shown.map(({ text }) => text)).toEqual(all().map((number) => `line ${number}`));
});

test('messages that come before the gap is fetched do not hide it', async () => {
  server.write(60);
  await watch();
  server.cut();
  await vi.advanceTimersByTimeAsync(60 * SECOND);
  server.write(200, false);
  server.reachable = true;
  // The connection is back first, and brings more lines than are fetched again.
  feed.reconnect();
  server.during = () => server.write(80);
  await vi.advanceTimersByTimeAsync(SECOND);
  server.write(80);
  await settled();
  expect(numbers()).toEqual(all());
});

test('a lost message is made up for while others keep coming', async () => {
  await watch();
  server.write(1, false);
  for (let second = 0; second < 16; second += 1) {
    server.write(1);
    await vi.advanceTimersByTimeAsync(SECOND);
  }
  expect(numbers()).toEqual(all());
});

test('a message that is lost between the opened connection and its channels is made up for', async () => {
  await watch();
  server.cut();
  server.reachable = true;
  feed.reconnect();
  await vi.advanceTimersByTimeAsync(SECOND + 100);
  server.write(1, false);
  await vi.advanceTimersByTimeAsync(1_600);
  expect(numbers()).toEqual([1]);
});

test('a connection that died without a word is made anew once rows can be fetched again', async () => {
  await watch();
  expect(server.sockets).toHaveLength(1);
  server.reachable = false;
  server.mute = true;
  await vi.advanceTimersByTimeAsync(30 * SECOND);
  expect([feed.state, view.trouble?.kind]).toEqual(['live', 'unreachable']);
  server.reachable = true;
  await vi.advanceTimersByTimeAsync(10 * SECOND);
  expect(server.sockets).toHaveLength(2);
  expect(view.trouble).toBeUndefined();
});

test('a page that is looked at again fetches at once', async () => {
  await watch();
  page.show(true);
  server.mute = true;
  await vi.advanceTimersByTimeAsync(30 * SECOND);
  server.write(3);
  const before = server.fetches;
  await vi.advanceTimersByTimeAsync(10 * SECOND);
  expect(server.fetches).toBe(before);
  page.show(false);
  await vi.advanceTimersByTimeAsync(100);
  expect(numbers()).toEqual([1, 2, 3]);
});

test('a hidden page still learns that the work is done', async () => {
  await watch();
  page.show(true);
  server.mute = true;
  server.finish();
  await vi.advanceTimersByTimeAsync(3 * 60 * SECOND);
  expect(view.snapshot.task?.status).toBe('completed');
});

test('after the end the whole feed is fetched once more, and then nothing', async () => {
  server.write(70);
  await watch();
  server.write(1, false);
  server.finish();
  await settled();
  expect(numbers()).toEqual(all());
  const before = server.fetches;
  await vi.advanceTimersByTimeAsync(HOUR);
  expect(server.fetches).toBe(before);
});

test('what an older connection still brings is not taken', async () => {
  await watch();
  const [old] = server.sockets;
  const deliver = old?.deliver;
  feed.reconnect();
  old?.opened();
  expect(feed.state).toBe('reconnecting');
  deliver?.({ payload: { ...server.task(), rev: 9, status: 'failed' }, channels: [], events: [] });
  await vi.advanceTimersByTimeAsync(100);
  expect(view.snapshot.task?.status).toBe('coding');
});

test('a look that was asked for during another one begins after it', async () => {
  await watch();
  const first = live?.refetch();
  server.during = () => server.write(1, false);
  const second = live?.refetch();
  await vi.advanceTimersByTimeAsync(10);
  expect((await first)?.progress).toHaveLength(0);
  expect((await second)?.progress).toHaveLength(1);
});
