import { expect, test } from 'vitest';
import { linesOf, moved } from './list';

test('an entry moves and the others stay in order', () => {
  expect(moved(['a', 'b', 'c'], 0, 2)).toEqual(['b', 'c', 'a']);
  expect(moved(['a', 'b', 'c'], 2, 0)).toEqual(['c', 'a', 'b']);
  expect(moved(['a', 'b'], 1, 9)).toEqual(['a', 'b']);
  expect(moved(['a', 'b'], 0, -1)).toEqual(['a', 'b']);
});

test('a pasted list loses its marks and its empty lines', () => {
  expect(linesOf('- one\r\n\n  * two\n3. three\n12) four\n- [x] five\nsix – seven\n2024 is a year')).toEqual([
    'one',
    'two',
    'three',
    'four',
    'five',
    'six – seven',
    '2024 is a year',
  ]);
});
