import { expect, test } from 'vitest';
import { EMPTY, withRows, withTask, withTerms } from '../lib/snapshot';
import { PARSE, parseTask, parseTerms } from '../lib/task';
import { spendingOf } from './spending';

const task = (rev: number, costMicroUsd: number, more: object = {}) =>
  parseTask({ $id: 't', rev, status: 'coding', totals: JSON.stringify({ spent: { costMicroUsd }, ...more }) });
const terms = parseTerms({ brief: JSON.stringify({ options: { budgetMicroUsd: 2_500_000 } }) });

test('without a budget there is no limit', () => {
  expect(spendingOf(withTask(EMPTY, task(1, 9)))).toMatchObject({ spent: 9, limit: undefined, state: 'fine' });
});

test('it is told when four fifths of the budget are spent', () => {
  const known = withTerms(EMPTY, terms);
  expect(spendingOf(withTask(known, task(1, 1_999_999))).state).toBe('fine');
  expect(spendingOf(withTask(known, task(1, 2_000_000)))).toMatchObject({ limit: 2_500_000, state: 'warn' });
});

test('a raised budget counts, and one that is reached says what is needed', () => {
  const raised = PARSE.progress({ $id: 't.c1', $sequence: 1, data: JSON.stringify({ command: 'budget', budgetMicroUsd: 9_000_000 }) });
  const known = withRows(withTerms(EMPTY, terms), 'progress', [raised]);
  expect(spendingOf(withTask(known, task(1, 2_400_000)))).toMatchObject({ limit: 9_000_000, state: 'fine' });
  const exhausted = { limitMicroUsd: 9_000_000, spentMicroUsd: 8_000_000, neededMicroUsd: 2_000_000 };
  expect(spendingOf(withTask(known, task(2, 8_000_000, { exhausted })))).toMatchObject({ state: 'reached', needed: 2_000_000 });
});
