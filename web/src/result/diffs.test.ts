import { expect, test } from 'vitest';
import { diffOf, lineNow } from './diffs';

const text = (...lines: string[]) => lines.map((line) => `${line}\n`).join('');
const before = text('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l');

test('a diff has the numbers of both sides and three lines around', () => {
  const after = before.replace('c\n', 'C\nc2\n').replace('l\n', '');
  const diff = diffOf(before, after);
  expect([diff?.added, diff?.removed, diff?.hunks.length]).toEqual([2, 2, 2]);
  expect(diff?.hunks[0]?.lines.map(({ kind, before: old, after: own }) => `${kind} ${old} ${own}`)).toEqual([
    'same 1 1',
    'same 2 2',
    'removed 3 0',
    'added 0 3',
    'added 0 4',
    'same 4 5',
    'same 5 6',
    'same 6 7',
  ]);
});

test('a missing newline at the end is no line', () => {
  expect(diffOf('a', 'a\n')?.hunks[0]?.lines).toHaveLength(2);
  expect(diffOf('', 'a\nb\n')).toMatchObject({ added: 2, removed: 0 });
  expect(diffOf('a', 'a')?.hunks).toEqual([]);
});

test('a line is found again after lines before it came and went', () => {
  const after = text('new', 'a', 'b', 'd', 'e', 'F', 'g');
  expect([1, 2, 4, 5, 7].map((line) => lineNow(before, after, line))).toEqual([2, 3, 4, 5, 7]);
  expect(lineNow(before, after, 3)).toBe(4);
  expect(lineNow('a\nb\n', '', 2)).toBe(1);
});
