import { expect, test } from 'vitest';
import { EMPTY, withRows, withTask } from '../lib/snapshot';
import { PARSE, parseTask } from '../lib/task';
import { feedLines } from '../lib/work';
import { filtered, NO_FILTER, valuesOf } from './feed-view';

const LEVELS = ['info', 'warning', 'error'];
const row = (number: number) =>
  PARSE.progress({
    $id: `l${number}`,
    $sequence: number,
    $createdAt: new Date(1_000 * number).toISOString(),
    $updatedAt: new Date(1_000 * number).toISOString(),
    stage: number % 2 ? 'coding' : 'reviewing',
    level: LEVELS[number % 3],
    unitId: number % 2 ? 'u' : 'r',
    text: `line ${number}`,
  });
const known = (count: number) =>
  withRows(
    withRows(withTask(EMPTY, parseTask({ $id: 't', rev: 1, status: 'coding' })), 'assignments', [
      PARSE.assignments({ $id: 'u', name: 'ui', $createdAt: new Date(0).toISOString() }),
    ]),
    'progress',
    Array.from({ length: count }, (_, index) => row(index + 1)),
  );

test('the feed is filtered by stage, agent and level', () => {
  const lines = feedLines(known(12));
  expect(valuesOf(lines, 'stage')).toEqual(['coding', 'reviewing']);
  expect(valuesOf(lines, 'agent')).toEqual(['ui']);
  expect(filtered(lines, NO_FILTER)).toBe(lines);
  expect(filtered(lines, { ...NO_FILTER, stage: 'reviewing' })).toHaveLength(6);
  expect(filtered(lines, { ...NO_FILTER, agent: 'ui' })).toHaveLength(6);
  expect(filtered(lines, { ...NO_FILTER, level: 'warning' })).toHaveLength(8);
  expect(filtered(lines, { stage: 'coding', agent: 'ui', level: 'error' }).map(({ text }) => text)).toEqual(['line 5', 'line 11']);
});

test('one more line among thousands leaves all others as they are, so that only it is drawn', () => {
  const snapshot = known(5_000);
  const before = feedLines(snapshot);
  const after = feedLines(withRows(snapshot, 'progress', [row(5_001)]));
  expect(after).toHaveLength(before.length + 1);
  const written = before.filter(({ id }) => id.startsWith('l'));
  expect(written).toHaveLength(5_000);
  const kept = new Set(after);
  expect(written.filter((line) => !kept.has(line))).toEqual([]);
});
