import { expect, test } from 'vitest';
import { PARSE } from '../lib/task';
import { notedIn, storyOf } from './noted';

const finding = (id: string, line: number, since = 1) => ({
  id,
  line,
  since,
  path: 'a.js',
  severity: 'major',
  problem: `problem ${id}`,
  required_change: 'change it',
});
const review = (generation: number, round: number, findings: object) =>
  PARSE.reviews({ $id: `r${generation}${round}`, $sequence: round, generation, round, findings: JSON.stringify(findings) });
const by = (assignment: string, ...findings: object[]) => [{ assignment, findings }];

test('a finding is listed once, at the line where it was open last', () => {
  const noted = notedIn(
    [
      review(1, 2, { rework: by('ui', finding('f2', 12)), resolved: by('ui', finding('f1', 3)) }),
      review(1, 1, { rework: by('ui', finding('f1', 3), finding('f2', 9)) }),
    ],
    [1],
  );
  expect(noted.map(({ id, line, round, state, resolvedIn }) => [id, line, round, state, resolvedIn])).toEqual([
    ['f1', 3, 1, 'resolved', 2],
    ['f2', 12, 2, 'open', 0],
  ]);
  expect(noted.map(storyOf)).toEqual(['Found in review 1, resolved in review 2', 'Open since review 1']);
});

test('findings of two assignments, or of two plans, are two', () => {
  const noted = notedIn(
    [
      review(1, 1, { rework: [...by('ui', finding('f1', 3)), ...by('api', finding('f1', 4))] }),
      review(2, 1, { rework: by('ui', finding('f1', 5)) }),
    ],
    [1, 2],
  );
  expect(noted.map(({ plan, line }) => [plan, line])).toEqual([
    [1, 3],
    [1, 4],
    [2, 5],
  ]);
});

test('a remark that is made again is one', () => {
  const remarks = { remarks: [finding('f1', 3, 0)] };
  const noted = notedIn([review(1, 1, remarks), review(1, 2, remarks)], [1]);
  expect(noted).toHaveLength(1);
  expect(noted[0]).toMatchObject({ state: 'remark', round: 2, since: 1 });
});
