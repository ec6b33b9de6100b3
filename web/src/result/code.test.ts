import { expect, test } from 'vitest';
import { COLOURED_BYTES_MAX, colouredLines, cut, isBinary, LINE_CHARS_MAX, languageOf, plainLines } from './code';
import { lit } from './colours';

const texts = (path: string, text: string) => lit(path, text).map((line) => line.map((part) => part.text).join(''));

test.each([
  ['a.html', '<!doctype html>\n<p class="x">1 &lt; 2 &amp; "q"</p>\n<script>\nconst a = `<b>\n${1}`;\n</script>\n'],
  ['a.css', '/* two\nlines */\na { color: red }\n'],
  ['a.js', "const a = '<script>alert(1)</script>';\r\n/* one\n\ntwo */"],
  ['a.mjs', 'class A { constructor() { this.toString = 1; } }\n'],
  ['a.ts', 'type A<T> = T extends string ? 1 : 2;\n'],
  ['a.json', '{"a": [1, null]}\n'],
  ['a.md', '# Title\n\n`code` & **bold**\n'],
  ['a.sh', 'echo "$HOME" | grep -v x\n'],
  ['a.yml', 'a:\n  - b: "c"\n'],
  ['a.unknown', 'any <b>text</b>\n'],
])('the lines of %s are those of its text', (path, text) => {
  expect(texts(path, text)).toEqual(plainLines(text).map((line) => line.map((part) => part.text).join('')));
});

test('a comment over two lines has its colour on both', () => {
  expect(lit('a.css', '/* one\ntwo */')).toEqual([
    [{ text: '/* one', kind: 'comment' }],
    [{ text: 'two */', kind: 'comment' }],
  ]);
});

test('what looks like markup stays text', () => {
  const line = colouredLines('a &lt;span class=&quot;hljs-x&quot;&gt; <span class="hljs-string">&#x27;&lt;b&gt;&#x27;</span>');
  expect(line).toEqual([[{ text: 'a <span class="hljs-x"> ', kind: '' }, { text: "'<b>'", kind: 'string' }]]);
});

test('a large file is shown without colours', () => {
  const text = `${'// x\n'.repeat(COLOURED_BYTES_MAX / 5)}1`;
  expect(lit('a.js', text)[0]).toEqual([{ text: '// x', kind: '' }]);
});

test('a long line is cut, and says by how much', () => {
  const { parts, rest } = cut([{ text: 'a'.repeat(LINE_CHARS_MAX - 1), kind: '' }, { text: 'bcd', kind: 'string' }]);
  expect([parts.length, parts[1]?.text, rest]).toEqual([2, 'b', 2]);
});

test('languages are known by the end of the name', () => {
  expect(['a/b.TSX', 'x.svg', 'Makefile', '.env', 'a.constructor'].map(languageOf)).toEqual(['typescript', 'xml', undefined, 'bash', undefined]);
});

test('control characters make a file binary', () => {
  expect([isBinary('a\0b'), isBinary('tab\tline\r\n\f')]).toEqual([true, false]);
});
