import { expect, test } from 'vitest';
import { entryOf, routeOf, taskHref } from './route';

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

test('a link to enter names a user, a secret and a task', () => {
  const secret = 'a1'.repeat(32);
  expect(entryOf(`#/enter/u1/${secret}/t4kq2abc`)).toEqual({ userId: 'u1', secret, taskId: 't4kq2abc' });
  for (const hash of ['', '#/task/t4kq2abc', '#/enter/u1/short/t4kq2abc', `#/enter/u1/${secret}/`]) {
    expect(entryOf(hash)).toBeUndefined();
  }
});
