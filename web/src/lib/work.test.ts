import { expect, test } from 'vitest';
import { EMPTY, type Snapshot, withRows, withTask } from './snapshot';
import { PARSE, parseTask } from './task';
import { feedLines, sinceTotals, turnsAtWork, withTurn } from './work';

const at = (second: number) => `2026-01-01T00:00:0${second}.000+00:00`;
const task = (status: string, more: object = {}) => parseTask({ $id: 't', $updatedAt: at(9), rev: 7, status, ...more });
const unit = (id: string, begin: number, end: number, line: string | null, more: object = {}) =>
  ({ $id: id, $createdAt: at(begin), $updatedAt: at(end), generation: 1, round: 1, line, level: 'info', ...more });
const told = (sequence: number, second: number, text: string, more: object = {}) =>
  PARSE.progress({ $id: `l${sequence}`, $sequence: `${sequence}`, $createdAt: at(second), $updatedAt: at(second), stage: 'coding', level: 'info', text, ...more });
const turn = (sequence: number, unitId: string, number: number, cost: number) => {
  const total = { modelCalls: number, inputTokens: 10 * number, outputTokens: number, costMicroUsd: cost };
  return told(sequence, 3, 'wrote', { unitId, data: JSON.stringify({ kind: 'turn', turn: number, files: ['a.js'], total }) });
};
const shown = (snapshot: Snapshot) => feedLines(snapshot).map(({ at, stage, level, text }) => [at, stage, level, text]);

test('the feed tells of stages, of the work, and of units that ended', () => {
  let known = withTask(EMPTY, task('failed'));
  known = withRows(known, 'deployments', [PARSE.deployments(unit('d', 7, 8, 'broken', { level: 'error' }))]);
  known = withRows(known, 'releases', [PARSE.releases(unit('l', 6, 7, 'Committed'))]);
  known = withRows(known, 'reviews', [PARSE.reviews(unit('r', 4, 5, 'Review 1: approved', { level: 'warning' }))]);
  const agents = [unit('b', 2, 4, 'b: done'), unit('a', 1, 4, 'a: done'), unit('c', 5, 6, 'c: done', { round: 2 })];
  known = withRows(known, 'assignments', agents.map(PARSE.assignments));
  known = withRows(known, 'progress', [told(1, 3, 'a: wrote')]);
  known = withRows(known, 'plans', [PARSE.plans(unit('p', 0, 1, 'Planned'))]);
  expect(shown(known)).toEqual([
    [at(0), 'planning', 'info', 'The planner divides the work'],
    [at(1), 'coding', 'info', 'Agents write the files'],
    [at(1), 'planning', 'info', 'Planned'],
    [at(3), 'coding', 'info', 'a: wrote'],
    [at(4), 'reviewing', 'info', 'The reviewer reads the files'],
    [at(4), 'coding', 'info', 'a: done'],
    [at(4), 'coding', 'info', 'b: done'],
    [at(5), 'coding', 'info', 'Agents change what the reviewer asked for'],
    [at(5), 'reviewing', 'warning', 'Review 1: approved'],
    [at(6), 'publishing', 'info', 'The files are committed'],
    [at(6), 'coding', 'info', 'c: done'],
    [at(7), 'deploying', 'info', 'The project is deployed'],
    [at(7), 'publishing', 'info', 'Committed'],
    [at(8), 'deploying', 'error', 'broken'],
    [at(9), 'task', 'error', 'The task has failed'],
  ]);
  const ids = feedLines(known).map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

test('agents who work after a build that failed repair it', () => {
  let known = withRows(EMPTY, 'assignments', [PARSE.assignments(unit('a', 3, 3, null, { round: 2 }))]);
  const begun = () => shown(known).map(([, , , text]) => text);
  expect(begun()).toContain('Agents change what the reviewer asked for');
  known = withRows(known, 'deployments', [PARSE.deployments(unit('d', 1, 2, null, { state: 'failed' }))]);
  expect(begun()).toContain('Agents repair the build');
});

test('lines of the work are in the order of their sequence, however they came', () => {
  const lines = [told(9, 5, 'nine'), told(11, 3, 'eleven'), told(10, 4, 'ten'), told(8, 2, 'eight')];
  const plan = PARSE.plans(unit('p', 1, 4, 'Planned'));
  const texts = (order: typeof lines) =>
    feedLines(withRows(withRows(EMPTY, 'progress', order), 'plans', [plan])).map(({ text }) => text);
  const expected = ['The planner divides the work', 'eight', 'Planned', 'nine', 'ten', 'eleven'];
  expect(texts(lines)).toEqual(expected);
  expect(texts([...lines].reverse())).toEqual(expected);
  expect(texts([...lines, ...lines])).toEqual(expected);
});

test('a unit has one line at its end, and only once it ended', () => {
  const plan = (second: number, line: string | null) => PARSE.plans(unit('p', 0, second, line));
  const open = withRows(EMPTY, 'plans', [plan(1, null)]);
  expect(feedLines(open).map(({ text }) => text)).toEqual(['The planner divides the work']);
  const ended = withRows(open, 'plans', [plan(2, 'Planned'), plan(2, 'Planned')]);
  const late = withRows(ended, 'plans', [plan(1, null)]);
  expect(feedLines(late).map(({ text }) => text)).toEqual(['The planner divides the work', 'Planned']);
});

test('an agent at work shows its newest turn, and one that ended its own row', () => {
  const rows = [unit('a', 1, 1, null), unit('b', 1, 4, 'b: done', { turn: 5, inputTokens: 50, outputTokens: 5, costMicroUsd: 500 })];
  let known = withRows(withTask(EMPTY, task('coding')), 'assignments', rows.map(PARSE.assignments));
  known = withRows(known, 'progress', [turn(3, 'a', 2, 200), turn(1, 'a', 1, 100), turn(2, 'b', 4, 400)]);
  const turns = turnsAtWork(known);
  expect([...turns.keys()]).toEqual(['a']);
  const agent = known.assignments.find(({ id }) => id === 'a');
  expect(agent && withTurn(agent, turns.get('a'))).toMatchObject({ turn: 2, inputTokens: 20, outputTokens: 2, costMicroUsd: 200 });
  expect(turns.get('a')?.files).toEqual(['a.js']);
});

test('the costs so far are those of the task and of the agents it does not know of yet', () => {
  const ended = (id: string, second: number, cost: number) => unit(id, 1, second, `${id}: done`, { turn: 2, costMicroUsd: cost });
  const rows = [ended('a', 2, 1), ended('b', 3, 10), unit('c', 1, 1, null)].map(PARSE.assignments);
  const working = (agentRuns: number, status: string) => {
    const totals = JSON.stringify({ spent: {}, agentRuns });
    const known = withRows(withTask(EMPTY, task(status, { totals })), 'assignments', rows);
    return sinceTotals(withRows(known, 'progress', [turn(1, 'c', 3, 100)]));
  };
  expect(working(0, 'coding')).toMatchObject({ costMicroUsd: 111, modelCalls: 7 });
  expect(working(1, 'coding').costMicroUsd).toBe(110);
  expect(working(2, 'paused').costMicroUsd).toBe(100);
  expect(working(0, 'failed').costMicroUsd).toBe(0);
});

test('where a waiting task stands keeps its place, however often its row is touched', () => {
  const waits = (second: number) => {
    const row = parseTask({ $id: 't', $createdAt: at(0), $updatedAt: at(second), rev: second, status: 'awaiting_approval' });
    return feedLines(withRows(withTask(EMPTY, row), 'plans', [PARSE.plans(unit('p', 0, 3, 'Planned'))])).at(-1);
  };
  expect(waits(5)).toMatchObject({ at: at(3), text: 'The plan waits for its owner' });
  expect(waits(9)).toEqual(waits(5));
});
