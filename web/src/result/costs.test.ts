import { expect, test } from 'vitest';
import { EMPTY, type Snapshot } from '../lib/snapshot';
import { PARSE, parseTask } from '../lib/task';
import { costsOf } from './costs';

const spent = { modelCalls: 6, inputTokens: 600, outputTokens: 60, costMicroUsd: 6_000, models: { grok: { calls: 2, costMicroUsd: 2_000 } } };
const snapshot = (status: string, agentRuns = 1): Snapshot => ({
  ...EMPTY,
  task: parseTask({ $id: 't', status, totals: JSON.stringify({ spent, agentRuns }) }),
  assignments: [
    PARSE.assignments({ $id: 'a', line: 'done', title: 'Page', round: 2, turn: 3, inputTokens: 300, outputTokens: 30, costMicroUsd: 3_000 }),
  ],
  progress: [
    PARSE.progress({ $id: 'p', data: JSON.stringify({ kind: 'judgement', spent: { modelCalls: 1, inputTokens: 100, outputTokens: 10, costMicroUsd: 1_000 } }) }),
  ],
});

test('what is neither of agents nor of reviewers is of planning', () => {
  const costs = costsOf(snapshot('completed'));
  expect(costs?.stages.map(({ name, modelCalls, costMicroUsd }) => [name, modelCalls, costMicroUsd])).toEqual([
    ['Planning', 2, 2_000],
    ['Coding', 3, 3_000],
    ['Reviewing', 1, 1_000],
  ]);
  expect(costs?.agents.map(({ name }) => name)).toEqual(['Page, round 2']);
  expect(costs?.models).toMatchObject([{ id: 'grok', modelCalls: 2, costMicroUsd: 2_000 }]);
  expect(costs?.total.costMicroUsd).toBe(6_000);
});

test('agents that ended since the totals were written are counted', () => {
  expect(costsOf(snapshot('coding', 0))?.total.costMicroUsd).toBe(9_000);
});

test('before the first call there is nothing to show', () => {
  expect(costsOf(EMPTY)).toBeUndefined();
});
