import { expect, test } from 'vitest';
import { EMPTY, withRows, withTask } from '../lib/snapshot';
import { PARSE, parseTask } from '../lib/task';
import { elapsed, lengthOf, remaining, stageTimes } from './times';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + 1_000 * second).toISOString();
const now = (second: number) => new Date(at(second)).getTime();
const unit = (id: string, begin: number, end: number, line: string | null, more: object = {}) =>
  ({ $id: id, $sequence: begin, $createdAt: at(begin), $updatedAt: at(end), line, ...more });
const task = (status: string, end: number) => parseTask({ $id: 't', $createdAt: at(0), $updatedAt: at(end), rev: 1, status });

test('spans that overlap count once', () => {
  expect(lengthOf([])).toBe(0);
  expect(lengthOf([[5, 8], [1, 3], [2, 4]])).toBe(6);
  expect(lengthOf([[1, 9], [2, 3]])).toBe(8);
});

test('each stage has its time, and what is open runs on', () => {
  let known = withTask(EMPTY, task('reviewing', 30));
  known = withRows(known, 'plans', [PARSE.plans(unit('p', 2, 10, 'Planned'))]);
  known = withRows(known, 'assignments', [unit('a', 12, 20, 'a'), unit('b', 14, 26, 'b')].map(PARSE.assignments));
  known = withRows(known, 'reviews', [PARSE.reviews(unit('r', 27, 27, null))]);
  const seconds = (second: number) => Object.values(stageTimes(known, now(second))).map((time) => time / 1_000);
  expect(seconds(30)).toEqual([2, 8, 14, 3, 0, 0, 0]);
  expect(seconds(40)).toEqual([2, 8, 14, 13, 0, 0, 0]);
  // The row of a task that waits is touched again and again; its last line is what counts.
  known = withTask(known, parseTask({ $id: 't', $createdAt: at(0), $updatedAt: at(80), rev: 2, status: 'paused' }));
  known = withRows(known, 'progress', [PARSE.progress({ $id: 'c', $sequence: 1, $createdAt: at(33), $updatedAt: at(33) })]);
  expect(stageTimes(known, now(90)).reviewing).toBe(6_000);
});

test('a task that ended takes no more time', () => {
  expect(elapsed(withTask(EMPTY, task('completed', 60)), now(90))).toBe(60_000);
  expect(elapsed(withTask(EMPTY, task('coding', 60)), now(90))).toBe(90_000);
});

test('what remains is the estimate less the work, without the wait for the owner', () => {
  const estimate = JSON.stringify({ minutes: 1 });
  let known = withTask(EMPTY, task('coding', 100));
  expect(remaining(known, now(100))).toBeUndefined();
  known = withRows(known, 'plans', [PARSE.plans(unit('p', 1, 10, 'Planned', { estimate }))]);
  expect(remaining(known, now(100))).toBe(60_000);
  known = withRows(known, 'assignments', [PARSE.assignments(unit('a', 100, 100, null))]);
  expect(remaining(known, now(120))).toBe(40_000);
  expect(remaining(known, now(190))).toBe(-30_000);
  expect(remaining(withTask(known, parseTask({ $id: 't', rev: 5, status: 'completed' })), now(120))).toBeUndefined();
});
