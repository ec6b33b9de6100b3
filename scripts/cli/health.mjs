// What each function says of itself: its version, and the settings that it lacks.

import { Refusal } from './api.mjs';

/** A container that was never started may take so long until it answers. */
const ANSWER_MS = 60_000;
const ASK_EVERY_MS = 500;
const TIME_OUT = 408;

/** Asks all functions at once, each with one execution. `version` is the one that was deployed. */
export function health(api, functions, version, answerMs = ANSWER_MS) {
  return Promise.all(functions.map(({ $id }) => one(api, $id, version, Date.now() + answerMs)));
}

async function one(api, id, version, deadline) {
  for (;;) {
    const { report, trouble } = await ask(api, id);
    if (report) return judge(id, report, version);
    if (Date.now() > deadline) return { id, version: '', missing: [], trouble, isWell: false };
    await new Promise((done) => setTimeout(done, ASK_EVERY_MS));
  }
}

/** Its report; without one, what was answered instead, which may pass as its container starts. */
async function ask(api, id) {
  try {
    const call = { body: '', async: false, method: 'GET', path: '/' };
    const { responseBody, responseStatusCode, errors } = await api.call('POST', `/functions/${id}/executions`, call);
    const report = parse(responseBody);
    return report?.function ? { report } : { trouble: `${responseStatusCode}: ${errors?.trim() || 'no report'}` };
  } catch (error) {
    if (error instanceof Refusal && error.status !== TIME_OUT && error.status < 500) throw error;
    return { trouble: error.message };
  }
}

function judge(id, report, version) {
  const missing = report.missing ?? [];
  let trouble = '';
  if (report.function !== id) trouble = `it is ${report.function}`;
  else if (report.version !== version) trouble = `${version} was deployed`;
  return { id, version: report.version, missing, trouble, isWell: report.ok === true && trouble === '' };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The reports for a person. */
export function table(reports) {
  const rows = [['function', 'version', 'health', 'missing settings']];
  for (const { id, version, missing, trouble, isWell } of reports) {
    rows.push([id, version || '-', isWell ? 'ok' : trouble || 'not ok', missing.join(', ') || '-']);
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd()).join('\n');
}
