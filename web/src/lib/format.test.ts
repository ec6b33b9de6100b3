import { expect, test } from 'vitest';
import { bytes, clock, counted, duration, short, usd, webUrl } from './format';

test('a link leads to the web and runs nothing', () => {
  expect(webUrl('http://todo.localhost:8080/')).toBe('http://todo.localhost:8080/');
  for (const bad of ['', 'javascript:alert(1)', ' https://x', 'https://', 'data:text/html,x', '//x']) {
    expect(webUrl(bad)).toBeUndefined();
  }
});

test('small amounts of money do not read as nothing', () => {
  expect([usd(0), usd(1_200), usd(1_234_567)]).toEqual(['$0.00', '$0.0012', '$1.23']);
});

test('sizes and counts have their units', () => {
  expect([bytes(999), bytes(1_500), bytes(2_500_000)]).toEqual(['999 B', '1.5 kB', '2.5 MB']);
  expect([counted(1, 'file'), counted(1_200, 'file')]).toEqual(['1 file', '1,200 files']);
  expect(clock('not a time')).toBe('');
});

test('spans of time and short counts fit beside others', () => {
  expect([0, 8_400, 80_000, 7_500_000].map(duration)).toEqual(['0 s', '8 s', '1 min 20 s', '2 h 5 min']);
  expect([950, 12_345, 345_678, 4_500_000].map(short)).toEqual(['950', '12.3k', '346k', '4.5M']);
});
