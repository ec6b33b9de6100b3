import { expect, test } from 'vitest';
import { noticeOf, Teller, titleOf } from './notices';
import { parseTask, type Task } from './task';

const task = (status: string, more: object = {}): Task => {
  const { rev, generation, failure, ...totals } = more as { rev?: number; generation?: number; failure?: object };
  return parseTask({ $id: 't', name: 'Shop', status, rev, generation, failure: failure && JSON.stringify(failure), totals: JSON.stringify({ spent: {}, ...totals }) });
};
const exhausted = (limitMicroUsd: number) => ({ exhausted: { limitMicroUsd, spentMicroUsd: 1, neededMicroUsd: 2 } });

test('an owner is told when they are needed and at the end', () => {
  expect(noticeOf(task('awaiting_approval'))?.title).toBe('Shop: the plan waits for you');
  expect(noticeOf(task('awaiting_approval', { previewUrl: 'http://x' }))?.title).toBe('Shop: look at the site');
  expect(noticeOf(task('paused', exhausted(5)))?.title).toBe('Shop: the budget is reached');
  expect(noticeOf(task('failed', { failure: { code: 'c', message: 'No repository.' } }))?.body).toBe('No repository.');
  expect(noticeOf(task('completed'))?.title).toBe('Shop is completed');
  for (const status of ['pending', 'coding', 'paused', 'cancelled', 'deploying']) expect(noticeOf(task(status))).toBeUndefined();
});

test('the title has a mark while the owner is needed', () => {
  expect(titleOf(task('awaiting_approval'))).toBe('(!) Shop: waits for you');
  expect(titleOf(task('failed'))).toBe('(!) Shop: failed');
  expect(titleOf(task('completed'))).toBe('Shop: completed');
});

test('where a task stands when the page opens is no news', () => {
  const teller = new Teller();
  expect(teller.hear(task('completed'), false)).toBeUndefined();
  expect(teller.hear(task('completed'), true)).toBeUndefined();
});

test('news are told once, whether they came as a message or were fetched after a gap', () => {
  const teller = new Teller();
  expect(teller.hear(task('coding'), false)).toBeUndefined();
  expect(teller.hear(task('failed'), false)).toBeDefined();
  expect(teller.hear(task('failed'), true)).toBeUndefined();
  expect(teller.hear(task('coding', { generation: 2 }), true)).toBeUndefined();
  expect(teller.hear(task('failed', { generation: 2 }), true)).toBeDefined();
  expect(new Teller().hear(task('awaiting_approval'), true)).toBeDefined();
});

test('what was true before is told to nobody', () => {
  const teller = new Teller();
  expect(teller.hear(task('awaiting_approval', { rev: 3 }), false)).toBeUndefined();
  expect(teller.hear(task('planning', { rev: 4, generation: 2 }), true)).toBeUndefined();
  expect(teller.hear(task('awaiting_approval', { rev: 3 }), false)).toBeUndefined();
  expect(teller.hear(task('planning', { rev: 4, generation: 2 }), false)).toBeUndefined();
  expect(teller.hear(task('awaiting_approval', { rev: 5, generation: 2 }), true)).toBeDefined();
  expect(teller.hear(task('awaiting_approval', { rev: 6, generation: 2 }), true)).toBeUndefined();
});

test('a budget that is reached again is told again', () => {
  const teller = new Teller();
  expect(teller.hear(task('paused', exhausted(5)), true)).toBeDefined();
  expect(teller.hear(task('paused', exhausted(5)), true)).toBeUndefined();
  expect(teller.hear(task('paused', exhausted(9)), true)).toBeDefined();
});
