import { expect, test } from 'vitest';
import { type Brief, optionsOf, validate } from './brief';

const GOOD: Brief = {
  name: 'a',
  description: 'b',
  type: 'web',
  requirements: [],
  approval: 'auto',
  speed: 'normal',
  preview: false,
  budget: '',
  repository: '',
  branch: '',
  organization: '',
  topics: '',
  workflows: '',
};

const fields = (change: Partial<Brief>) => validate({ ...GOOD, ...change }).map((error) => error.field);

test('a brief at its limits is accepted', () => {
  const full = { name: 'n'.repeat(80), description: 'd'.repeat(10_000), requirements: Array(100).fill('r'.repeat(1_000)) };
  expect(fields(full)).toEqual([]);
  expect(fields({})).toEqual([]);
});

test('every broken rule names its field', () => {
  expect(fields({ name: '  ', description: 'd'.repeat(10_001) })).toEqual(['name', 'description']);
  expect(fields({ requirements: ['fine', '', 'r'.repeat(1_001)] })).toEqual(['requirements[1]', 'requirements[2]']);
  expect(fields({ requirements: Array(101).fill('r') })).toEqual(['requirements']);
  expect(fields({ type: 'desktop' as Brief['type'] })).toEqual(['type']);
});

test('characters are counted as the server counts them', () => {
  expect(fields({ name: '🎼'.repeat(80) })).toEqual([]);
  expect(fields({ name: '🎼'.repeat(81) })).toEqual(['name']);
});

test('a budget is empty or a number of dollars', () => {
  const rules = (budget: string) => validate({ ...GOOD, budget }).map(({ field }) => field);
  expect([rules(''), rules(' 2.5 '), rules('10000')]).toEqual([[], [], []]);
  for (const wrong of ['0', '-1', 'a lot', '10001', '1e9']) expect(rules(wrong)).toEqual(['options.budgetUsd']);
});

test('where the files go is checked as the server checks it', () => {
  expect(fields({ repository: 'acme/site', branch: 'main' })).toEqual([]);
  expect(fields({ repository: 'acme' })).toEqual(['options.repository']);
  expect(fields({ topics: 'todo, web app' })).toEqual([]);
  expect(fields({ topics: 'Todo' })).toEqual(['options.topics']);
  expect(fields({ topics: Array(21).fill('t').join(' ') })).toEqual(['options.topics']);
});

test('options that are empty, or are for another kind of repository, are left out', () => {
  const sent = (change: Partial<Brief>) => JSON.parse(JSON.stringify(optionsOf({ ...GOOD, ...change })));
  expect(sent({})).toEqual({ approval: 'auto', speed: 'normal' });
  const all = { organization: 'acme', topics: 'a, b', branch: 'x', workflows: 'deploy' as const };
  expect(sent(all)).toEqual({ approval: 'auto', speed: 'normal', organization: 'acme', topics: ['a', 'b'], workflows: 'deploy' });
  expect(sent({ ...all, repository: 'acme/site' })).toEqual({
    approval: 'auto',
    speed: 'normal',
    repository: 'acme/site',
    branch: 'x',
    workflows: 'deploy',
  });
});
