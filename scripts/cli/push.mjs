// Brings an Appwrite project to what appwrite.json says: see scripts/push.
// The settings come on standard input.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { Api, Refusal } from './api.mjs';
import { Cli } from './cli.mjs';
import { health, table } from './health.mjs';
import { stage } from './stage.mjs';

/** How long tables and deployments may take to become active after the CLI is done. */
const ACTIVE_MS = 120_000;
const LOOK_EVERY_MS = 250;
const TAKEN = 409;

const say = (line) => console.error(`==> ${line}`);

/** The databases and tables that the CLI would delete, as it deletes what its file does not name. */
async function others(api, config) {
  const found = [];
  for (const database of await api.list('/tablesdb', 'databases')) {
    if (!config.tablesDB.some(({ $id }) => $id === database.$id)) {
      found.push(`the database ${database.$id}`);
      continue;
    }
    for (const { $id } of await api.list(`/tablesdb/${database.$id}/tables`, 'tables')) {
      const known = config.tables.some((table) => table.$id === $id && table.databaseId === database.$id);
      if (!known) found.push(`the table ${$id} of ${database.$id}`);
    }
  }
  return found;
}

/** Creates what is not there; the CLI could do it only for a person who is signed in. */
async function ensure(api, kind, parameter, entries) {
  for (const { $id, path: _path, vars: _vars, ...rest } of entries) {
    const there = await api.find(`/${kind}/${$id}`);
    if (there?.runtime && rest.runtime && there.runtime !== rest.runtime) {
      throw new Error(`the function ${$id} has the runtime ${there.runtime}, which can not be changed to ${rest.runtime}: use --runtime ${there.runtime}, or delete the functions first`);
    }
    if (there) continue;
    await api.call('POST', `/${kind}`, { [parameter]: $id, ...rest });
    say(`${kind}: ${$id} is new`);
  }
}

/** Sets a function's variables and deletes those of ours that are no longer set. */
async function setVariables(api, id, wanted) {
  const base = `/functions/${id}/variables`;
  const { variables } = await api.call('GET', base);
  const known = new Map(variables.map((variable) => [variable.key, variable.$id]));
  for (const [key, value] of Object.entries(wanted)) {
    const there = known.get(key);
    if (value === null) {
      if (there) await api.call('DELETE', `${base}/${there}`);
    } else if (there) {
      await api.call('PUT', `${base}/${there}`, { key, value });
    } else {
      await api.call('POST', base, { variableId: 'unique()', key, value, secret: true });
    }
  }
}

/** Gives a site its public address and returns it. */
async function address(api, settings, site) {
  const domain = `${site.$id}-${settings.projectId}.${settings.siteDomain}`.toLowerCase();
  // A rule has no port, but who visits the embedded platform needs it.
  const [host] = domain.split(':');
  try {
    await api.call('POST', '/proxy/rules/site', { domain: host, siteId: site.$id });
  } catch (error) {
    if (!(error instanceof Refusal && error.status === TAKEN)) throw error;
    const [rule] = await api.list('/proxy/rules', 'rules', [{ method: 'equal', attribute: 'domain', values: [host] }]);
    if (rule?.deploymentResourceId !== site.$id) throw new Error(`the domain ${host} is taken by something else`);
  }
  return `${settings.endpoint.startsWith('https:') ? 'https' : 'http'}://${domain}/`;
}

/** What is not active yet, in words. */
async function pending(api, config) {
  const waiting = [];
  for (const { databaseId, $id, columns, indexes } of config.tables) {
    const table = await api.call('GET', `/tablesdb/${databaseId}/tables/${$id}`);
    const available = (list, key) => list.some((entry) => entry.key === key && entry.status === 'available');
    for (const { key } of columns) if (!available(table.columns, key)) waiting.push(`column ${$id}.${key}`);
    for (const { key } of indexes ?? []) if (!available(table.indexes, key)) waiting.push(`index ${$id}.${key}`);
  }
  for (const kind of ['functions', 'sites']) {
    for (const { $id } of config[kind]) {
      const { deploymentId, latestDeploymentId, latestDeploymentStatus: status } = await api.call('GET', `/${kind}/${$id}`);
      if (status === 'failed') throw new Error(`${kind}: the build of ${$id} failed\n${await log(api, kind, $id, latestDeploymentId)}`);
      if (!deploymentId || deploymentId !== latestDeploymentId) waiting.push(`${kind} ${$id} (${status || 'nothing deployed'})`);
    }
  }
  return waiting;
}

async function log(api, kind, id, deployment) {
  const { buildLogs } = await api.call('GET', `/${kind}/${id}/deployments/${deployment}`);
  return buildLogs;
}

async function untilActive(api, config) {
  const deadline = Date.now() + ACTIVE_MS;
  for (;;) {
    const waiting = await pending(api, config);
    if (waiting.length === 0) return;
    if (Date.now() > deadline) throw new Error(`still not active: ${waiting.join(', ')}`);
    await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
  }
}

async function push(options, settings, folder) {
  const api = new Api(settings);
  say(`${settings.endpoint}, project ${settings.projectId}`);
  const config = await stage(folder, options, settings);
  const extra = await others(api, config);
  if (extra.length > 0 && !options['delete-others']) {
    throw new Error(`the CLI would delete ${extra.join(', ')}: appwrite.json does not name them. Use a project of its own, or --delete-others`);
  }
  await ensure(api, 'functions', 'functionId', config.functions);
  await ensure(api, 'sites', 'siteId', config.sites);
  const cli = new Cli(folder, settings);
  for (const kind of ['tables', 'buckets']) {
    if (config[kind].length === 0) continue;
    say(`${kind}: ${config[kind].length}`);
    await cli.push(kind);
  }
  say('variables of the functions');
  for (const { $id } of config.functions) await setVariables(api, $id, settings.functions[$id] ?? {});
  for (const kind of ['functions', 'sites']) {
    say(`${kind}: ${config[kind].map(({ $id }) => $id).join(', ')}`);
    await cli.push(kind);
  }
  say('waiting until everything is active');
  await untilActive(api, config);
  for (const site of config.sites) say(`${site.name}: ${await address(api, settings, site)}`);
  say('asking each function for its health');
  const reports = await health(api, config.functions, settings.version);
  console.log(table(reports));
  const unwell = reports.filter((report) => !report.isWell).map(({ id }) => id);
  if (unwell.length > 0) throw new Error(`everything is deployed, but not well: ${unwell.join(', ')}`);
  say('done');
}

const flag = { type: 'string' };
const { values } = parseArgs({
  options: { packages: flag, executables: flag, runtime: flag, 'delete-others': { type: 'boolean' } },
});
for (const name of ['packages', 'executables']) if (values[name]) values[name] = resolve(values[name]);
const input = await text(process.stdin);
// Who wrote it has said why there is nothing.
if (input.trim() === '') process.exit(1);
const folder = await mkdtemp(join(tmpdir(), 'appwrite-push-'));
try {
  await push(values, JSON.parse(input), folder);
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
