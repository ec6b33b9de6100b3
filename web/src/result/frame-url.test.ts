import { expect, test } from 'vitest';
import { framingOf } from './frame-url';

test('only web addresses of other origins are framed', () => {
  const kind = (address: string, own = 'http://127.0.0.1:80') => framingOf(address, own).kind;
  expect(kind('http://app.localhost:34529')).toBe('frame');
  expect(kind('https://app.example')).toBe('frame');
  expect(kind('http://app.example', 'https://page.example')).toBe('link');
  expect(kind('http://127.0.0.1:80/app', 'http://127.0.0.1')).toBe('link');
  for (const address of ['', 'javascript:alert(1)', 'data:text/html,x', '//app.example', 'http://']) {
    expect(kind(address)).toBe('none');
  }
});
