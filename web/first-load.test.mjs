// How much the first visit of the built page loads: what index.html names, compressed.

import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

/** Most bytes of compressed JavaScript and of compressed styles. */
const SCRIPT_BYTES_MAX = 100_000;
const STYLE_BYTES_MAX = 15_000;
/** Most files beside the page itself. */
const FILES_MAX = 4;

const built = (path) => readFileSync(new URL(`dist/${path}`, import.meta.url));
const page = () => built('index.html').toString();
const named = (pattern) => [...page().matchAll(pattern)].map(([, path]) => path.replace(/^\//, ''));
const scripts = () => [...named(/<script[^>]+src="([^"]+)"/g), ...named(/<link[^>]+rel="modulepreload"[^>]+href="([^"]+)"/g)];
const styles = () => named(/<link[^>]+rel="stylesheet"[^>]+href="([^"]+)"/g);
const compressed = (paths) => paths.reduce((sum, path) => sum + gzipSync(built(path)).length, 0);

test('the first load stays small', () => {
  expect(scripts().length).toBeGreaterThan(0);
  expect(styles().length).toBeGreaterThan(0);
  expect(compressed(scripts())).toBeLessThan(SCRIPT_BYTES_MAX);
  expect(compressed(styles())).toBeLessThan(STYLE_BYTES_MAX);
  expect(scripts().length + styles().length).toBeLessThanOrEqual(FILES_MAX);
});

test('what may be kept for ever has a hash in its name', () => {
  for (const path of [...scripts(), ...styles()]) expect(path).toMatch(/^assets\/[\w.-]+-[\w-]{8}\.(js|css)$/);
});
