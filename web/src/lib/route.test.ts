import { expect, test } from 'vitest';
import { routeOf, taskHref } from './route';

test('the address keeps the open task and its side', () => {
  expect(routeOf(taskHref('t4kq2abc'))).toEqual({ view: 'task', taskId: 't4kq2abc', side: 'board' });
  expect(routeOf(taskHref('t4kq2abc', 'result'))).toEqual({ view: 'task', taskId: 't4kq2abc', side: 'result' });
  const changes = { view: 'task', taskId: 't4kq2abc', side: 'result', part: 'changes' };
  expect(routeOf(taskHref('t4kq2abc', 'result', 'changes'))).toEqual(changes);
  expect(routeOf('#/projects').view).toBe('projects');
  expect(routeOf('#/account').view).toBe('account');
});

test('an address that names nothing leads to a new project', () => {
  for (const hash of ['', '#/', '#/task/', '#/task/a/b', '#/task/%3Cb%3E', `#/task/${'a'.repeat(37)}`]) {
    expect(routeOf(hash).view).toBe('new');
  }
});
