import { expect, test } from 'vitest';
import { PARSE } from '../lib/task';
import { changesBetween, NOTHING, pairOf, planGenerations, pointSeen, pointsOf } from './versions';

let sequence = 0;
const file = (path: string, generation: number, round: number, hash = `${path}${generation}${round}`, more = {}) => {
  sequence += 1;
  return PARSE.files({ $id: `f${sequence}`, $sequence: sequence, path, generation, round, contentHash: hash, ...more });
};
const plan = (generation: number) => PARSE.plans({ $id: `p${generation}`, generation, assignmentCount: 1, line: 'Planned' });

const rework = [file('shared.js', 1, 0), file('a.js', 1, 1), file('b.js', 1, 1), file('a.js', 1, 2)];

test('each round of a plan is a point with the files as they stood', () => {
  const points = pointsOf([plan(1)], rework);
  expect(points.map(({ key, label }) => [key, label])).toEqual([
    ['1.0', 'Start'],
    ['1.1', 'Round 1'],
    ['1.2', 'Round 2'],
  ]);
  expect(points.map(({ files }) => [...files.keys()].join())).toEqual(['shared.js', 'a.js,b.js,shared.js', 'a.js,b.js,shared.js']);
  expect(points[2]?.files.get('a.js')?.round).toBe(2);
});

test('a plan does not keep what only an earlier plan had', () => {
  const versions = [...rework, file('a.js', 2, 0, 'a.js12'), file('c.js', 2, 1)];
  const points = pointsOf([plan(1), plan(2)], versions);
  expect([...(points.at(-1)?.files.keys() ?? [])]).toEqual(['a.js', 'c.js']);
  expect(points.map(({ label }) => label).slice(-2)).toEqual(['Plan 2, start', 'Plan 2, round 1']);
});

test('what is tried again belongs to the plan that is carried out', () => {
  const points = pointsOf([plan(1)], [...rework, file('b.js', 2, 3)]);
  expect(points.at(-1)).toMatchObject({ key: '1.3', label: 'Round 3' });
  expect(points.at(-1)?.files.get('shared.js')).toBeDefined();
});

test('a repository that was read is a point of its own', () => {
  const points = pointsOf([plan(1)], [file('old.js', 0, 0), file('old.js', 1, 0), file('old.js', 1, 1)]);
  expect(points.map(({ label }) => label)).toEqual(['As it was read', 'Start', 'Round 1']);
});

test('a deleted file is gone from the round on in which it was deleted', () => {
  const points = pointsOf([plan(1)], [...rework, file('b.js', 1, 3, '', { deleted: true })]);
  expect(points.map(({ files }) => files.has('b.js'))).toEqual([false, true, true, false]);
});

test('of two versions of a round the one that was written last counts', () => {
  const points = pointsOf([plan(1)], [file('a.js', 1, 1, 'first'), file('a.js', 1, 1, 'put back')]);
  expect(points[0]?.files.get('a.js')?.hash).toBe('put back');
});

test('what changed is told by path, and equal contents are no change', () => {
  const versions = [...rework, file('b.js', 1, 3, '', { deleted: true }), file('new.js', 1, 3), file('shared.js', 1, 3, 'shared.js10')];
  const points = pointsOf([plan(1)], versions);
  const changes = changesBetween(points[1] ?? NOTHING, points[3] ?? NOTHING);
  expect(changes.map(({ path, kind }) => [path, kind])).toEqual([
    ['a.js', 'changed'],
    ['b.js', 'removed'],
    ['new.js', 'added'],
  ]);
});

test('without a choice the last step is compared', () => {
  const points = pointsOf([plan(1)], rework);
  const keys = (from: string, to: string) => pairOf(points, from, to).map(({ key }) => key);
  expect(keys('', '')).toEqual(['1.1', '1.2']);
  expect(keys('', '1.0')).toEqual(['nothing', '1.0']);
  expect(keys('nothing', '')).toEqual(['nothing', '1.2']);
  expect(pairOf([], '', '')).toEqual([NOTHING, NOTHING]);
});

test('a review of a round without new files saw those before it', () => {
  const points = pointsOf([plan(1)], rework);
  expect(pointSeen(points, 1, 3)?.key).toBe('1.2');
  expect(pointSeen(points, 2, 1)).toBeUndefined();
  expect(planGenerations([plan(2), plan(1)], [])).toEqual([1, 2]);
});
