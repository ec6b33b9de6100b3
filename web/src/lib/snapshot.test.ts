import { expect, test } from 'vitest';
import { EMPTY, fetchSince, mergeRows, newerTask, stageReached, withRows, withTask } from './snapshot';
import { PARSE, parseTask } from './task';

const at = (second: number) => `2026-01-01T00:00:0${second}.000+00:00`;
const task = (rev: number, status: string, second = 0) =>
  parseTask({ $id: 't', $updatedAt: at(second), rev, status });
const line = (sequence: number, second = 0) =>
  PARSE.progress({ $id: `p${sequence}`, $sequence: sequence, $updatedAt: at(second), text: `line ${sequence}` });

test('an older version of the task does not undo a newer one', () => {
  const known = task(5, 'reviewing', 5);
  expect(newerTask(known, task(4, 'coding', 6))).toBe(known);
  expect(newerTask(known, task(5, 'reviewing', 4))).toBe(known);
  expect(newerTask(known, task(6, 'publishing', 6)).status).toBe('publishing');
  expect(newerTask(undefined, known)).toBe(known);
});

test('rows have no duplicates and do not depend on the order of arrival', () => {
  const late = mergeRows(mergeRows([], [line(3), line(10)]), [line(2), line(3)]);
  expect(late.map((row) => row.sequence)).toEqual([2, 3, 10]);
  expect(mergeRows(late, [line(10), line(2)])).toBe(late);
});

test('a late message does not undo a newer version of a row', () => {
  const known = mergeRows([], [line(1, 5)]);
  expect(mergeRows(known, [{ ...line(1, 4), text: 'old' }])).toBe(known);
  expect(mergeRows(known, [{ ...line(1, 5), text: 'same instant' }])[0]?.text).toBe('same instant');
});

test('nothing new leaves the snapshot itself', () => {
  const known = withTask(withRows(EMPTY, 'progress', [line(1)]), task(1, 'pending'));
  expect(withRows(known, 'progress', [line(1)])).toBe(known);
  expect(withTask(known, task(1, 'pending'))).toBe(known);
  expect(withTask(known, task(2, 'planning'))).not.toBe(known);
});

test('of many lines only the last are fetched again', () => {
  const lines = Array.from({ length: 60 }, (_, index) => line(index, index % 10));
  expect(fetchSince(lines.slice(0, 49))).toBeUndefined();
  expect(fetchSince(lines.slice(0, 50))).toBe(at(0));
  expect(fetchSince(lines)).toBe(at(1));
});

test('a message about a plan reads as the fetched columns do', () => {
  const fetched = { $id: 'p', $updatedAt: at(1), summary: 's', assignmentCount: 2, line: 'Planned', level: 'info' };
  const known = withRows(EMPTY, 'plans', [PARSE.plans(fetched)]);
  expect(withRows(known, 'plans', [PARSE.plans({ ...fetched, plan: '{}', brief: '{}', taskId: 't' })])).toBe(known);
});

test('a failed task stops where it came to', () => {
  const failed = withTask(EMPTY, task(2, 'failed'));
  expect(stageReached(failed)).toBe(1);
  expect(stageReached(withRows(failed, 'assignments', [PARSE.assignments({ $id: 'a' })]))).toBe(2);
  expect(stageReached(withRows(failed, 'deployments', [PARSE.deployments({ $id: 'd' })]))).toBe(5);
  expect(stageReached(withTask(EMPTY, task(2, 'publishing')))).toBe(4);
  const deployed = withRows(failed, 'deployments', [PARSE.deployments({ $id: 'd', $createdAt: at(3) })]);
  expect(stageReached(withRows(deployed, 'assignments', [PARSE.assignments({ $id: 'a', $createdAt: at(2) })]))).toBe(5);
  expect(stageReached(withRows(deployed, 'assignments', [PARSE.assignments({ $id: 'a', $createdAt: at(4) })]))).toBe(2);
});

test('JSON columns are read, and broken ones are left out', () => {
  const totals = '{"spent":{"modelCalls":7,"costMicroUsd":1200},"assignments":3,"cloneUrl":"http://x/y.git"}';
  const read = parseTask({ $id: 't', totals, failure: '{"code":"c","message":"m"}' });
  expect([read.totals?.modelCalls, read.totals?.cloneUrl, read.failure?.message]).toEqual([7, 'http://x/y.git', 'm']);
  const broken = parseTask({ $id: 't', totals: '{', failure: null });
  expect([broken.totals, broken.failure]).toEqual([undefined, undefined]);
});

test('the findings of a review carry their assignment', () => {
  const findings = JSON.stringify({
    rework: [
      { assignment: 'ui', findings: [{ severity: 'major', path: 'a.js', line: 3, problem: 'p', required_change: 'c', since: 1 }] },
    ],
    resolved: [{ assignment: 'ui', findings: [{ severity: 'blocker', path: 'a.js', line: 1, problem: 'r' }] }],
    scores: [{ assignment: 'ui', points: 90 }],
    remarks: [{ severity: 'nit', path: 'b.js', line: 0, problem: 'q', required_change: '' }],
  });
  const review = PARSE.reviews({ $id: 'r', verdict: 'changes_requested', findings });
  expect(review.rework).toEqual([
    { id: '', assignment: 'ui', severity: 'major', path: 'a.js', line: 3, problem: 'p', requiredChange: 'c', since: 1 },
  ]);
  expect([review.resolved[0]?.problem, review.resolved[0]?.assignment]).toEqual(['r', 'ui']);
  expect(review.scores).toEqual([{ assignment: 'ui', points: 90 }]);
  expect(review.remarks[0]?.problem).toBe('q');
});
