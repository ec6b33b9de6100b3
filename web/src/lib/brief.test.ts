import { expect, test } from 'vitest';
import corpus from '../../../shared/pipeline/tests/briefs.json';
import { BLANK, type BriefRequest, type Draft, requestOf, validate } from './brief';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Writes out what the file only describes; the Rust test beside it does the same. */
function expanded(value: Json): Json {
  if (Array.isArray(value)) return value.map(expanded);
  if (typeof value !== 'object' || value === null) return value;
  const times = Number(value.times);
  if (value.$repeat !== undefined) return String(expanded(value.$repeat)).repeat(times);
  if (value.$list !== undefined) return Array.from({ length: times }, () => expanded(value.$list ?? ''));
  if (Array.isArray(value.$join)) return value.$join.map(expanded).join('');
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, expanded(part)]));
}

test.each(corpus as unknown as { case: string; brief: Json; errors: [string, string][] }[])('$case', (entry) => {
  const errors = validate(expanded(entry.brief) as unknown as BriefRequest);
  const found = errors.map(({ field, rule }) => [field, rule]);
  expect(found.toSorted()).toEqual(entry.errors.toSorted());
});

const sent = (change: Partial<Draft>) => JSON.parse(JSON.stringify(requestOf({ ...BLANK, ...change }))).options;

test('what is empty, or is for another kind of repository, is left out', () => {
  expect(sent({})).toEqual({ approval: 'auto', speed: 'normal' });
  const all = { organization: 'acme', topics: 'a, b', branch: 'x', workflows: 'deploy', isPublic: true, preview: true } as const;
  expect(sent(all)).toEqual({
    approval: 'auto',
    speed: 'normal',
    preview: true,
    visibility: 'public',
    organization: 'acme',
    topics: ['a', 'b'],
    workflows: 'deploy',
  });
  expect(sent({ ...all, repository: ' acme/site ' })).toEqual({
    approval: 'auto',
    speed: 'normal',
    repository: 'acme/site',
    branch: 'x',
    workflows: 'deploy',
  });
  expect(sent({ preview: true, type: 'api' })).toEqual({ approval: 'auto', speed: 'normal' });
});

test('what was typed as a number is sent as one, and as null where it is none', () => {
  expect(sent({ budget: ' 2.5 ', parallelism: '3', assignmentsMax: 'many' })).toMatchObject({
    budgetUsd: 2.5,
    parallelism: 3,
    assignmentsMax: null,
  });
});
