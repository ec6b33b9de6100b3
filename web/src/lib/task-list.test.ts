import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Api } from './api';
import { EVERYTHING, type Filter } from './history';
import type { Feed } from './live';
import { type Shown, TaskList } from './task-list';
import { parseTask } from './task';

const row = (number: number, more: object = {}) => ({
  $id: `t${number}`,
  name: `Task ${number}`,
  type: 'web',
  status: 'coding',
  rev: 1,
  ...more,
});

/** A list of 60 tasks that answers when it is told to, and what it was asked. */
function world(filter: Filter = EVERYTHING) {
  const asked: string[] = [];
  const answers: (() => void)[] = [];
  const messages = new Set<(table: string, row: object) => void>();
  const api = {
    endpoint: 'https://x.test/v1',
    tasks: (_: Filter, limit: number, after?: string) =>
      new Promise((resolve) => {
        asked.push(`${limit}${after ? ` after ${after}` : ''}`);
        const first = after ? Number(after.slice(1)) + 1 : 1;
        const last = Math.min(first + limit - 1, 60);
        const tasks = Array.from({ length: last - first + 1 }, (_, at) => parseTask(row(first + at)));
        answers.push(() => resolve({ tasks, total: 60 }));
      }),
  } as unknown as Api;
  const feed = {
    state: 'live',
    onMessage: (listener: (table: string, row: object) => void) => {
      messages.add(listener);
      return () => messages.delete(listener);
    },
    onState: () => () => undefined,
  } as unknown as Feed;
  const seen: Shown[] = [];
  const list = new TaskList(api, feed, filter, (shown) => seen.push(shown));
  const answer = async () => {
    answers.shift()?.();
    await vi.advanceTimersByTimeAsync(0);
  };
  const hear = (message: object) => {
    for (const listener of messages) listener('tasks', message);
  };
  return { list, asked, answer, hear, shown: () => seen.at(-1) };
}

beforeEach(() => {
  vi.useFakeTimers();
  const target = { addEventListener: () => undefined, removeEventListener: () => undefined, hidden: false };
  vi.stubGlobal('document', target);
  vi.stubGlobal('window', target);
});
afterEach(() => vi.useRealTimers());

test('a change of a shown task is applied without a request', async () => {
  const { asked, answer, hear, shown } = world();
  await answer();
  hear(row(3, { rev: 2, status: 'reviewing' }));
  hear(row(3, { rev: 1, status: 'planning' }));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(shown()?.tasks?.[2]?.status).toBe('reviewing');
  expect(asked).toEqual(['25']);
});

test('unknown tasks together cost one request', async () => {
  const { asked, answer, hear } = world();
  await answer();
  for (const number of [70, 71, 72]) hear(row(number));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(asked).toEqual(['25', '25']);
});

test('a task that no longer matches is looked up again', async () => {
  const { asked, answer, hear } = world({ ...EVERYTHING, status: 'work' });
  await answer();
  hear(row(3, { rev: 2, status: 'completed' }));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(asked).toEqual(['25', '25']);
});

test('a message does not cost the page that is on its way', async () => {
  const { list, asked, answer, hear, shown } = world();
  await answer();
  void list.more();
  hear(row(99));
  await vi.advanceTimersByTimeAsync(1_000);
  await answer();
  await answer();
  expect(asked).toEqual(['25', '25 after t25', '50']);
  expect(shown()?.tasks?.length).toBe(50);
  expect(shown()?.isMore).toBe(true);
});

test('a closed list shows nothing more', async () => {
  const { list, answer, shown } = world();
  list.close();
  await answer();
  expect(shown()?.tasks).toBeUndefined();
});
