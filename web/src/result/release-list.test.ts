import { expect, test } from 'vitest';
import { PARSE } from '../lib/task';
import { meanScore, releasesOf } from './release-list';

const deployment = (generation: number, number: number, at: string) =>
  PARSE.deployments({
    $id: `d${generation}`,
    $sequence: generation,
    $updatedAt: at,
    generation,
    round: 1,
    state: 'active',
    release: JSON.stringify({ number, commitSha: `c${number}`, verdicts: [{ assignment: 'a', points: 90 }, { assignment: 'b', points: 95 }] }),
  });
const preview = PARSE.deployments({ $id: 'p', $sequence: 9, generation: 9, round: 1, state: 'ready', release: '' });

test('a release that is served again is one with two times', () => {
  const list = releasesOf([deployment(3, 1, 'c'), deployment(1, 1, 'a'), preview, deployment(2, 2, 'b')], 1);
  expect(list.map(({ number, at, again, isServed }) => [number, at, again, isServed])).toEqual([
    [2, 'b', [], false],
    [1, 'a', ['c'], true],
  ]);
});

test('the score of a release is the mean of its verdicts', () => {
  const [release] = releasesOf([deployment(1, 1, 'a')], 0);
  expect(release && meanScore(release)).toBe(93);
  expect(release && meanScore({ ...release, verdicts: [] })).toBeUndefined();
});
