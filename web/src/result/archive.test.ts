import { strFromU8, unzipSync } from 'fflate';
import { expect, test } from 'vitest';
import { zipOf } from './archive';
import { slug } from './names';

const read = (bytes: Uint8Array) =>
  Object.fromEntries(Object.entries(unzipSync(bytes)).map(([path, content]) => [path, strFromU8(content)]));

test('an archive holds the files as they are', () => {
  const files = [
    ['index.html', '<p>ü €</p>\n'],
    ['js/empty.js', ''],
  ] as const;
  expect(read(zipOf('my-app', files))).toEqual({ 'my-app/index.html': '<p>ü €</p>\n', 'my-app/js/empty.js': '' });
  expect(zipOf('my-app', files)).toEqual(zipOf('my-app', files));
});

test('nothing leads out of the folder', () => {
  const paths = ['../up', '/root', 'a/../../up', 'a//b', 'fine'].map((path) => [path, 'x'] as const);
  expect(Object.keys(read(zipOf('app', paths)))).toEqual(['app/fine']);
});

test('names are plain words', () => {
  expect(['Über-App: 2 Städte!', '  ', 'x'.repeat(90)].map(slug)).toEqual(['uber-app-2-stadte', 'project', 'x'.repeat(60)]);
});
