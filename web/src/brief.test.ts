import { expect, test } from 'vitest';
import { type Brief, validate } from './brief';

const GOOD: Brief = { name: 'a', description: 'b', type: 'web', requirements: [], approval: 'auto', speed: 'normal', budget: '' };

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
