import { expect, test } from 'vitest';
import { parseTask, parseUnit } from '../lib/task';
import { duration, spread, stageOf, tasksOf } from './summary';

const unit = (seconds: number, more: object = {}) =>
  parseUnit({
    $id: 'u',
    $createdAt: '2026-01-01T00:00:00.000Z',
    $updatedAt: new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString(),
    line: 'done',
    level: 'info',
    round: 1,
    executions: 1,
    ...more,
  });

test('the middle and the ninth of ten are values that occurred', () => {
  expect(spread([])).toEqual({ count: 0, median: undefined, most: undefined });
  expect(spread([7])).toEqual({ count: 1, median: 7, most: 7 });
  expect(spread([10, 1, 9, 2, 8, 3, 7, 4, 6, 5])).toEqual({ count: 10, median: 5, most: 9 });
});

test('a stage counts what has ended', () => {
  const units = [unit(1, { queuedMs: 20 }), unit(3, { queuedMs: 40, executions: 2 }), unit(9, { round: 2, level: 'error' }), unit(99, { line: '' })];
  const stage = stageOf('assignments', units);
  expect(stage.took).toEqual({ count: 3, median: 3_000, most: 9_000 });
  expect(stage.queued).toEqual({ count: 2, median: 20, most: 40 });
  expect([stage.repeated, stage.reworked, stage.failed]).toEqual([1, 1, 1]);
});

test('rows of older versions have no times of waiting', () => {
  expect(stageOf('plans', [unit(1, { queuedMs: null, executions: null })]).queued.count).toBe(0);
});

test('tasks add up by status and by model', () => {
  const task = (status: string, models: object) =>
    parseTask({
      $id: 't',
      $createdAt: '2026-01-01T00:00:00Z',
      $updatedAt: '2026-01-01T00:01:00Z',
      status,
      totals: JSON.stringify({ spent: { modelCalls: 3, inputTokens: 10, outputTokens: 5, costMicroUsd: 30, models } }),
    });
  const call = (calls: number, costMicroUsd: number) => ({ calls, inputTokens: 1, outputTokens: 1, costMicroUsd });
  const summary = tasksOf([
    task('completed', { grok: call(1, 10), claude: call(2, 20) }),
    task('completed', { claude: call(3, 30) }),
    task('coding', {}),
  ]);
  expect(summary.statuses).toEqual([['completed', 2], ['coding', 1]]);
  expect(summary.took).toEqual({ count: 2, median: 60_000, most: 60_000 });
  expect(summary.total.modelCalls).toBe(9);
  expect(summary.models.map(({ id, modelCalls, costMicroUsd }) => [id, modelCalls, costMicroUsd])).toEqual([
    ['claude', 5, 50],
    ['grok', 1, 10],
  ]);
});

test('times are told in the unit that fits', () => {
  expect([undefined, 0, 850, 1_500, 15_000, 150_000, 8_000_000].map(duration)).toEqual(['–', '0 ms', '850 ms', '1.5 s', '15 s', '3 min', '2 h']);
});
