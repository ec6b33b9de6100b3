import { expect, test } from 'vitest';
import { taskHref, taskOf } from './route';

test('the address keeps the open task and nothing else', () => {
  expect(taskOf(taskHref('t4kq2abc'))).toBe('t4kq2abc');
  for (const hash of ['', '#/', '#/task/', '#/task/a/b', '#/task/%3Cb%3E', `#/task/${'a'.repeat(37)}`]) {
    expect(taskOf(hash)).toBeUndefined();
  }
});
