import { expect, test } from 'vitest';
import { PARSE } from '../lib/task';
import { folderOf, found } from './tree';

const files = ['js/ui/list.js', 'index.html', 'js/app.js', 'css/a.css'].map((path) => PARSE.files({ $id: path, path }));

test('folders hold their folders and files by name', () => {
  const root = folderOf(files);
  expect(root.files.map(({ path }) => path)).toEqual(['index.html']);
  expect(root.folders.map(({ path }) => path)).toEqual(['css', 'js']);
  expect(root.folders[1]?.folders.map(({ name, path }) => [name, path])).toEqual([['ui', 'js/ui']]);
  expect(root.folders[1]?.files.map(({ path }) => path)).toEqual(['js/app.js']);
});

test('every word of a search must be in the path', () => {
  expect(found(files, ' JS list ').map(({ path }) => path)).toEqual(['js/ui/list.js']);
  expect(found(files, 'nothing')).toEqual([]);
  expect(found(files, '')).toHaveLength(4);
});
