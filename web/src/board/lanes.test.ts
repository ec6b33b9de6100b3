import { expect, test } from 'vitest';
import type { PlannedAssignment } from '../lib/plan';
import { EMPTY, withRows, withTask } from '../lib/snapshot';
import { PARSE, parseTask } from '../lib/task';
import { lanesOf, sparkOf, waitsInWords } from './lanes';

const planned = (id: string, ...after: string[]): PlannedAssignment =>
  ({ id, title: id.toUpperCase(), type: 'ui', objective: '', acceptance: [], owns: [], depends_on: after });
const PLAN = [planned('a'), planned('b', 'a'), planned('c', 'a', 'b'), planned('d')];
const run = (name: string, round: number, state: string, more: object = {}) =>
  PARSE.assignments({ $id: `${name}.${round}`, $sequence: round, name, round, planGeneration: 1, generation: 1, state, line: state === 'coding' ? null : state, ...more });
const turn = (sequence: number, unitId: string, number: number, tokens: number, second: number) =>
  PARSE.progress({
    $id: `l${sequence}`,
    $sequence: sequence,
    $createdAt: new Date(second * 1_000).toISOString(),
    unitId,
    data: JSON.stringify({ kind: 'turn', turn: number, files: [], total: { outputTokens: tokens, costMicroUsd: 7 } }),
  });

const known = (status: string) =>
  withRows(
    withRows(withTask(EMPTY, parseTask({ $id: 't', rev: 1, status })), 'plans', [PARSE.plans({ $id: 'p', generation: 1, line: 'Planned' })]),
    'assignments',
    [run('a', 1, 'done', { costMicroUsd: 5 }), run('b', 1, 'coding'), run('old', 1, 'done', { planGeneration: -1 })],
  );

test('every assignment of the plan has a lane, with what it waits for', () => {
  const snapshot = withRows(known('coding'), 'progress', [turn(1, 'b.1', 3, 10, 1)]);
  const lanes = lanesOf(snapshot, PLAN);
  expect(lanes.map(({ id, state, waitsFor }) => [id, state, waitsFor])).toEqual([
    ['a', 'done', []],
    ['b', 'coding', []],
    ['c', 'waiting', ['b']],
    ['d', 'waiting', []],
  ]);
  expect(lanes[1]?.run?.turn).toBe(3);
  expect(lanes[1]?.costMicroUsd).toBe(7);
  expect(lanes.map((lane) => waitsInWords(lane, lanes, snapshot))).toEqual(['', '', 'Waits for B', 'Waits for a free place']);
});

test('an agent that works once more has one lane with both costs', () => {
  const again = withRows(known('coding'), 'assignments', [run('a', 2, 'coding', { costMicroUsd: 1 })]);
  const [lane] = lanesOf(again, PLAN);
  expect([lane?.state, lane?.runs, lane?.costMicroUsd, lane?.run?.round]).toEqual(['coding', 2, 6, 2]);
});

test('nobody waits or works in a task that ended', () => {
  expect(lanesOf(known('cancelled'), PLAN).map(({ state }) => state)).toEqual(['done', 'stopped', 'stopped', 'stopped']);
});

test('runs are shown before the plan is fetched', () => {
  expect(lanesOf(known('coding'), undefined).map(({ id }) => id)).toEqual(['a', 'b']);
});

test('a plan that waits says what its agents wait for', () => {
  const waits = withTask(EMPTY, parseTask({ $id: 't', rev: 1, status: 'awaiting_approval' }));
  const lanes = lanesOf(waits, PLAN);
  expect(lanes.map((lane) => waitsInWords(lane, lanes, waits))).toEqual(Array(4).fill('Starts when the plan is approved'));
});

test('a spark has its bars where turns ended, as high as what they wrote', () => {
  const lines = [turn(1, 'u', 1, 100, 0), turn(2, 'u', 2, 300, 12), turn(3, 'x', 1, 999, 12), turn(4, 'u', 3, 350, 24)];
  const bars = sparkOf(lines, new Set(['u']), 0, 24_000);
  expect(bars).toHaveLength(24);
  expect([bars[0], bars[12], bars[23]]).toEqual([0.5, 1, 0.25]);
  expect(bars.filter((bar) => bar > 0)).toHaveLength(3);
});
