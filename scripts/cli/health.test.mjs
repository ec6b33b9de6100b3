import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusal } from './api.mjs';
import { health, table } from './health.mjs';

const FUNCTIONS = [{ $id: 'plan' }];
const report = (fields) => ({ responseStatusCode: 200, responseBody: JSON.stringify({ ok: true, function: 'plan', version: '1.2.3', missing: [], ...fields }) });

/** An API whose executions are answered so, one after the other; the last one again and again. */
function answering(...answers) {
  let calls = 0;
  return {
    async call(method, path, body) {
      assert.deepEqual([method, path, body.method, body.async], ['POST', '/functions/plan/executions', 'GET', false]);
      const answer = answers[Math.min(calls++, answers.length - 1)];
      if (answer instanceof Error) throw answer;
      return answer;
    },
    get calls() {
      return calls;
    },
  };
}

test('a function that answers as it should is well', async () => {
  const [found] = await health(answering(report({})), FUNCTIONS, '1.2.3');
  assert.deepEqual([found.isWell, found.version, found.missing], [true, '1.2.3', []]);
});

test('missing settings, another version and another function are not well, and shown', async () => {
  const cases = [
    [report({ ok: false, missing: ['GROK_API_KEY', 'X'] }), 'GROK_API_KEY, X'],
    [report({ version: '1.2.2' }), '1.2.3 was deployed'],
    [report({ function: 'review' }), 'it is review'],
  ];
  for (const [answer, shown] of cases) {
    const api = answering(answer);
    const reports = await health(api, FUNCTIONS, '1.2.3');
    assert.equal(reports[0].isWell, false);
    assert.ok(table(reports).includes(shown), table(reports));
    assert.equal(api.calls, 1);
  }
});

test('a container that is not up yet is asked again, for a while', async () => {
  const late = { responseStatusCode: 500, responseBody: '', errors: 'Timed out waiting for runtime.' };
  const api = answering(new Refusal('POST', 408, 'Synchronous function execution timed out'), late, report({}));
  assert.equal((await health(api, FUNCTIONS, '1.2.3'))[0].isWell, true);
  assert.equal(api.calls, 3);
  const [never] = await health(answering(late), FUNCTIONS, '1.2.3', 1);
  assert.deepEqual([never.isWell, never.trouble], [false, '500: Timed out waiting for runtime.']);
});

test('a key that may not execute is an error', async () => {
  const api = answering(new Refusal('POST /functions/plan/executions', 401, 'missing scopes'));
  await assert.rejects(health(api, FUNCTIONS, '1.2.3'), /missing scopes/u);
});
