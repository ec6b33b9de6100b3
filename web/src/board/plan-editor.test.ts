import { expect, test } from 'vitest';
import { checksOf } from './plan-editor';

const before = [
  { id: 'a', check: 'one' },
  { id: 'own-3', check: 'two' },
];

test('a changed line keeps the id of its check', () => {
  expect(checksOf('one!\n two ', before)).toEqual([
    { id: 'a', check: 'one!' },
    { id: 'own-3', check: 'two' },
  ]);
});

test('new lines have ids of their own, and empty ones are none', () => {
  expect(checksOf('one\n\ntwo\nthree\n', before).map(({ id }) => id)).toEqual(['a', 'own-3', 'own-3-x']);
  expect(checksOf(' \n', before)).toEqual([]);
});
