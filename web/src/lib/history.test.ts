import { expect, test } from 'vitest';
import { EVERYTHING, type Filter, filterOf, hrefOf, matches, queriesOf, took } from './history';
import { parseTask } from './task';

const task = (more: object) =>
  parseTask({ $id: 't', name: 'My Shop', type: 'web', status: 'coding', $createdAt: '2026-01-01T00:00:00Z', ...more });
const methods = (filter: Filter, after?: string) =>
  queriesOf(filter, 25, after).map((query) => {
    const { method, attribute = '', values } = JSON.parse(query) as { method: string; attribute?: string; values?: unknown[] };
    return [method, attribute, ...(values ?? [])].join(' ');
  });

test('a list asks for what was chosen', () => {
  expect(methods(EVERYTHING)).toEqual(['orderDesc $createdAt', 'limit  25']);
  expect(methods({ search: ' shop ', status: 'waits', type: 'api', sort: 'name' }, 't9')).toEqual([
    'contains name shop',
    'equal status awaiting_approval paused',
    'equal type api',
    'orderAsc name',
    'limit  25',
    'cursorAfter  t9',
  ]);
});

test('the address holds what was chosen', () => {
  const filter: Filter = { search: 'a & b', status: 'failed', type: 'mobile', sort: 'oldest' };
  expect(filterOf(hrefOf(filter))).toEqual(filter);
  expect(hrefOf(EVERYTHING)).toBe('#/projects');
  expect(filterOf('#/projects?status=nonsense&type=x&sort=toString')).toEqual(EVERYTHING);
});

test('a task that changed leaves a list it no longer belongs to', () => {
  expect(matches({ ...EVERYTHING, search: 'SHOP', status: 'work', type: 'web' }, task({}))).toBe(true);
  expect(matches({ ...EVERYTHING, status: 'work' }, task({ status: 'completed' }))).toBe(false);
  expect(matches({ ...EVERYTHING, search: 'other' }, task({}))).toBe(false);
});

test('a time is told in a unit that fits', () => {
  const now = Date.parse('2026-01-01T03:00:00Z');
  expect(took(task({}), now, false)).toBe('3 h');
  expect(took(task({ $updatedAt: '2026-01-01T00:00:41Z' }), now, true)).toBe('41 s');
  expect(took(task({ $updatedAt: '2026-01-01T00:12:10Z' }), now, true)).toBe('12 min');
});
