import { expect, test } from 'vitest';
import { BLANK } from './brief';
import { draftOf, parse } from './draft';

test('a kept draft is read back as it was', () => {
  const draft = { ...BLANK, name: 'n', type: 'api' as const, requirements: [{ id: 0, text: 'a' }], isPublic: true };
  const kept = { draft, pending: 'half', at: '2026-01-01', sent: { text: 'x', requestId: 'r' } };
  expect(parse(JSON.parse(JSON.stringify(kept)))).toEqual(kept);
});

test('what can not be read is blank', () => {
  expect(parse({ draft: { name: 5, type: 'desktop', colour: 'red' } })).toBeUndefined();
  expect(parse({})).toBeUndefined();
});

test('an example is a draft', () => {
  const example = { name: 'n', description: 'd', type: 'mobile', requirements: ['a', 'b'] };
  expect(draftOf(example)).toEqual({
    ...BLANK,
    name: 'n',
    description: 'd',
    type: 'mobile',
    requirements: [{ id: 0, text: 'a' }, { id: 1, text: 'b' }],
  });
});
