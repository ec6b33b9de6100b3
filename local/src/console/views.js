// What each section of the console shows.

import { el, get, queries, request, show } from './app.js';

/** Rows of a page. */
const PAGE = 25;
/** Entries of a list that has no pages. */
const ALL = { method: 'limit', values: [100] };
/** Events that are kept on the page; the oldest go first. */
const EVENTS_MAX = 200;
/** Pause between two looks at what changes by itself. */
const LOOK_EVERY_MS = 2_000;

const path = (...parts) => `#/${parts.map(encodeURIComponent).join('/')}`;
const link = (text, ...parts) => el('a', { href: path(...parts) }, text);
const json = (value) => el('pre', { tabindex: '0' }, JSON.stringify(value, null, 2));
const time = (text) => (text ? el('time', { datetime: text, title: text }, new Date(text).toLocaleString()) : '–');
const note = (text) => el('p', { class: 'note' }, text);
const panel = (...children) => el('div', { class: 'panel' }, ...children);

function status(word) {
  const tone = { completed: 'good', ready: 'good', available: 'good', failed: 'bad', stuck: 'bad' }[word] ?? 'soft';
  return el('span', { class: tone }, word);
}

/** A table; without rows, a sentence. Columns are `[title, row => content, class]`. */
function table(caption, columns, rows, empty) {
  if (rows.length === 0) return panel(note(empty));
  const head = columns.map(([title, , kind]) => el('th', { scope: 'col', class: kind }, title));
  const line = (row) => el('tr', {}, ...columns.map(([, content, kind]) => el('td', { class: kind }, content(row))));
  return panel(el('table', {}, el('caption', {}, caption), el('thead', {}, el('tr', {}, ...head)),
    el('tbody', {}, ...rows.map(line))));
}

/** Something that opens to show its text parts. */
function opened(summary, parts) {
  const shown = parts.filter(([, value]) => value !== '' && value != null);
  const content = ([title, value]) => [
    el('h4', {}, title), typeof value === 'string' ? el('pre', { tabindex: '0' }, value) : json(value)];
  return el('details', {}, el('summary', {}, ...summary), ...shown.flatMap(content));
}

const count = (total, one, many) => `${total} ${total === 1 ? one : many}`;

/** Buttons to the pages before and after. `go` is called with an offset. */
function pager(offset, shown, total, go) {
  if (total <= PAGE) return null;
  const button = (text, to, off) => el('button', { type: 'button', disabled: off, onclick: () => go(to) }, text);
  return el('div', { class: 'row' }, button('Earlier', offset - PAGE, offset === 0),
    button('Later', offset + PAGE, offset + shown >= total),
    el('span', { class: 'soft', role: 'status' }, `${offset + 1} to ${offset + shown} of ${total}`));
}

const page = (offset) => [{ method: 'limit', values: [PAGE] }, { method: 'offset', values: [offset] }];

/** Shows `load` now and again and again while the section is open. */
function watch(place, signal, load) {
  const look = async () => {
    // What a person is reading or has under the keyboard stays.
    const busy = place.contains(document.activeElement) || place.querySelector('details[open]');
    if (!busy || !place.hasChildNodes()) await show(place, load);
    if (!signal.aborted) setTimeout(() => signal.aborted || look(), LOOK_EVERY_MS);
  };
  look();
}

function place(view, ...head) {
  const made = el('div');
  view.append(...head, made);
  return made;
}

const heading = (...children) => el('h2', {}, ...children);

function databases(view, [database, tableId]) {
  if (!database) return show(place(view, heading('Databases')), listDatabases);
  const up = [link('Databases', 'databases'), ' / '];
  if (!tableId) return show(place(view, heading(...up, database)), () => listTables(database));
  const rows = place(view, heading(...up, link(database, 'databases', database), ` / ${tableId}`));
  const go = (offset) => show(rows, () => listRows(database, tableId, offset, go));
  return go(0);
}

async function listDatabases() {
  const { databases: all, total } = await get(`/tablesdb?${queries(ALL)}`);
  return table(count(total, 'database', 'databases'),
    [['Name', (it) => link(it.name, 'databases', it.$id)], ['Id', (it) => el('code', {}, it.$id)],
      ['Created', (it) => time(it.$createdAt)]], all, 'There is no database.');
}

async function listTables(database) {
  const { tables, total } = await get(`/tablesdb/${encodeURIComponent(database)}/tables?${queries(ALL)}`);
  return table(count(total, 'table', 'tables'),
    [['Name', (it) => link(it.name, 'databases', database, it.$id)], ['Id', (it) => el('code', {}, it.$id)],
      ['Columns', (it) => it.columns.length, 'number'], ['Indexes', (it) => it.indexes.length, 'number'],
      ['Permissions', (it) => it.$permissions.join(', ') || 'keys only']], tables, 'There is no table.');
}

/** The beginnings of a row's first texts. */
function gist(row) {
  const texts = Object.entries(row).filter(([column, value]) => !column.startsWith('$') && typeof value === 'string' && value);
  return texts.slice(0, 3).map(([column, value]) => `${column}: ${value.slice(0, 30)}`).join(', ');
}

async function listRows(database, tableId, offset, go) {
  const base = `/tablesdb/${encodeURIComponent(database)}/tables/${encodeURIComponent(tableId)}/rows`;
  const { rows, total } = await get(`${base}?${queries({ method: 'orderDesc', attribute: '$createdAt' }, ...page(offset))}`);
  if (rows.length === 0) return panel(note('There is no row.'));
  const lines = rows.map((row) => opened(
    [el('code', {}, row.$id), el('span', { class: 'soft' }, time(row.$createdAt), ' ', gist(row))], [['Row', row]]));
  return [panel(...lines), pager(offset, rows.length, total, go)].filter(Boolean);
}

function executions(view, [only], signal) {
  const title = only ? [link('Executions', 'executions'), ` / ${only}`] : ['Executions'];
  watch(place(view, heading(...title)), signal, () => listExecutions(only));
}

async function listExecutions(only) {
  const ids = only ? [only] : (await get(`/functions?${queries(ALL)}`)).functions.map((it) => it.$id);
  const newest = queries({ method: 'orderDesc', attribute: '$createdAt' }, { method: 'limit', values: [PAGE] });
  const lists = await Promise.all(ids.map((id) => get(`/functions/${encodeURIComponent(id)}/executions?${newest}`)));
  const all = lists.flatMap((list) => list.executions);
  all.sort((one, other) => other.$createdAt.localeCompare(one.$createdAt));
  if (all.length === 0) return panel(note('Nothing was executed yet.'));
  const line = (it) => opened(
    [el('strong', {}, it.functionId), ' ', status(it.status),
      el('span', { class: 'soft' }, `${it.trigger}, ${it.responseStatusCode || 'no status'}, ${it.duration.toFixed(3)} s, `, time(it.$createdAt))],
    [['Logs', it.logs], ['Errors', it.errors], ['Response', it.responseBody],
      ['Execution', { ...it, logs: undefined, errors: undefined, responseBody: undefined }]]);
  return panel(...all.slice(0, ALL.values[0]).map(line));
}

function functions(view, _, signal) {
  watch(place(view, heading('Functions')), signal, listFunctions);
  watch(place(view, el('h2', {}, 'Processes')), signal, listProcesses);
}

async function listFunctions() {
  const { functions: all, total } = await get(`/functions?${queries(ALL)}`);
  return table(count(total, 'function', 'functions'),
    [['Name', (it) => link(it.name, 'executions', it.$id)], ['Id', (it) => el('code', {}, it.$id)],
      ['Enabled', (it) => (it.enabled ? 'yes' : 'no')], ['Events', (it) => it.events.join(', ') || '–'],
      ['Schedule', (it) => it.schedule || '–'], ['Time-out', (it) => `${it.timeout} s`, 'number']], all, 'There is no function.');
}

async function listProcesses() {
  const { processes, total } = await get('/local/processes');
  return table(count(total, 'process', 'processes'),
    [['Function', (it) => it.functionId], ['Process', (it) => it.pid, 'number'], ['Port', (it) => it.port, 'number'],
      ['Running', (it) => it.running, 'number'], ['Since', (it) => time(new Date(it.startedMs).toISOString())],
      ['State', (it) => (it.retired ? 'ending' : 'serving')]], processes, 'No function runs. The first call starts a process.');
}

function sites(view, [site]) {
  if (site) return show(place(view, heading(link('Sites', 'sites'), ` / ${site}`)), () => listDeployments(site));
  return show(place(view, heading('Sites')), listSites);
}

async function listSites() {
  const [{ sites: all, total }, { rules }] = await Promise.all([get(`/sites?${queries(ALL)}`), get(`/proxy/rules?${queries(ALL)}`)]);
  const address = (it) => {
    const rule = rules.find((rule) => rule.deploymentResourceId === it.$id);
    if (!rule) return '–';
    return el('a', { href: `http://${rule.domain}:${location.port}/`, rel: 'noreferrer noopener', target: '_blank' }, rule.domain);
  };
  return table(count(total, 'site', 'sites'),
    [['Name', (it) => link(it.name, 'sites', it.$id)], ['Id', (it) => el('code', {}, it.$id)], ['Address', address],
      ['Framework', (it) => it.framework], ['Deployment', (it) => el('code', {}, it.deploymentId || '–')]], all, 'There is no site.');
}

async function listDeployments(site) {
  const { deployments } = await get(`/sites/${encodeURIComponent(site)}/deployments?${queries(ALL)}`);
  if (deployments.length === 0) return panel(note('Nothing was deployed.'));
  return panel(...deployments.map((it) => opened(
    [el('code', {}, it.$id), ' ', status(it.status), el('span', { class: 'soft' }, time(it.$createdAt))],
    [['Build log', it.buildLogs], ['Deployment', { ...it, buildLogs: undefined }]])));
}

function events(view, _, signal) {
  const state = el('p', { class: 'soft', role: 'status' }, 'Connecting …');
  const list = panel(note('Nothing has happened since this section was opened.'));
  view.append(heading('Events'), state, list);
  const add = (line) => {
    if (!list.querySelector('details, .missed')) list.replaceChildren();
    list.prepend(line);
    while (list.children.length > EVENTS_MAX) list.lastChild.remove();
  };
  listen(add, state, signal).catch((error) => {
    if (signal.aborted) return;
    const again = el('button', { type: 'button', onclick: () => { view.replaceChildren(); events(view, _, signal); } }, 'Connect again');
    state.replaceChildren(error.message ?? 'The connection has ended.', ' ', again);
    state.className = 'bad';
  });
}

/** Reads server-sent events; a plain `EventSource` could not send the key in a header. */
async function listen(add, state, signal) {
  const response = await request('/local/events', { signal });
  state.textContent = 'Listening. The newest come first.';
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error('The platform has closed the feed.');
    const frames = (rest + value).split('\n\n');
    rest = frames.pop();
    for (const frame of frames) {
      const field = (name) => frame.split('\n').filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2)).join('\n');
      const data = field('data');
      if (!data) continue;
      if (field('event') === 'missed') add(el('p', { class: 'note missed bad' }, `${data} events were missed.`));
      else add(eventLine(JSON.parse(data)));
    }
  }
}

function eventLine(event) {
  const name = event.events.find((it) => it.includes('.tables.') && !it.includes('*')) ?? event.events[0];
  return opened([el('code', {}, name), el('span', { class: 'soft' }, time(event.at))],
    [['Payload', event.payload], ['Channels', event.channels.join('\n')], ['By user', event.userId]]);
}

function realtime(view, _, signal) {
  watch(place(view, heading('Realtime connections')), signal, async () => {
    const { connections, total } = await get('/local/connections');
    const channels = (it) => it.subscriptions.flatMap((one) => one.channels).join(', ') || '–';
    return table(count(total, 'connection', 'connections'),
      [['Connection', (it) => it.id, 'number'], ['User', (it) => it.userId ?? 'guest'], ['Channels', channels],
        ['Events sent', (it) => it.messages, 'number'], ['Since', (it) => time(it.since)]], connections, 'Nobody is connected.');
  });
}

function faults(view, _, signal) {
  const rules = el('textarea', { id: 'rules', spellcheck: 'false', 'aria-describedby': 'rules-hint rules-problem' });
  const seed = el('input', { id: 'seed', inputmode: 'numeric', pattern: '[0-9]*' });
  const problem = el('p', { class: 'bad', id: 'rules-problem', role: 'alert' });
  const now = el('div');
  const look = () => get('/local/faults');
  const set = async (call) => {
    problem.textContent = '';
    try {
      await call();
      const state = await look();
      rules.value = state.rules.map((it) => it.rule).join('\n');
      seed.value = state.rules.length ? state.seed : '';
      now.replaceChildren(...faultState(state));
    } catch (error) {
      if (!signal.aborted) problem.textContent = error.message;
    }
  };
  const apply = () => {
    const lines = rules.value.split('\n').map((it) => it.trim()).filter(Boolean);
    const body = { rules: lines, ...(seed.value ? { seed: Number(seed.value) } : {}) };
    return request('/local/faults', { method: 'PUT', body: JSON.stringify(body) });
  };
  const form = el('form', { class: 'panel pad', onsubmit: (event) => { event.preventDefault(); set(apply); } },
    el('label', { for: 'rules' }, 'What shall go wrong, one a line'), rules,
    el('p', { class: 'hint', id: 'rules-hint' }, 'For example ', el('code', {}, 'drop-event,chance=10%'), ' or ',
      el('code', {}, 'answer,status=503,path=/v1/tablesdb/**,nth=3'), '. Kinds: drop-event, duplicate-event, delay-event, ',
      'reorder-event, kill-function, kill-platform, time-out, answer, lose-request, lose-answer, refuse-connection, drop-message.'),
    el('label', { for: 'seed' }, 'Seed'), seed,
    el('p', { class: 'hint' }, 'Makes the same chances strike again; made up where it is empty.'), problem,
    el('div', { class: 'row' }, el('button', { class: 'main' }, 'Set'),
      el('button', { type: 'button', onclick: () => set(() => request('/local/faults', { method: 'DELETE' })) }, 'Clear')));
  view.append(heading('Faults'), form, now);
  set(async () => {});
  watch(now, signal, async () => faultState(await look()));
}

function faultState(state) {
  return [
    table(`Set, with seed ${state.seed}`,
      [['Fault', (it) => el('code', {}, it.rule)], ['Looked at', (it) => it.matched, 'number'],
        ['Struck', (it) => it.fired, 'number']], state.rules, 'Nothing shall go wrong.'),
    table(`${count(state.total, 'fault has', 'faults have')} struck`,
      [['Kind', (it) => it.kind], ['N-th', (it) => it.nth, 'number'], ['What it hit', (it) => el('code', {}, it.target)],
        ['When', (it) => time(it.at)]], state.fired, 'No fault has struck.'),
  ];
}

function counters(view, _, signal) {
  watch(place(view, heading('Counters')), signal, async () => table('What executions asked of the platform since it started',
    [['Kind', ([kind]) => el('code', {}, kind)], ['Count', ([, value]) => value, 'number']],
    Object.entries(await get('/local/counts')), 'No execution has asked for anything.'));
}

export const sections = [
  { id: 'databases', title: 'Databases', open: databases },
  { id: 'executions', title: 'Executions', open: executions },
  { id: 'functions', title: 'Functions', open: functions },
  { id: 'sites', title: 'Sites', open: sites },
  { id: 'events', title: 'Events', open: events },
  { id: 'realtime', title: 'Realtime', open: realtime },
  { id: 'faults', title: 'Faults', open: faults },
  { id: 'counters', title: 'Counters', open: counters },
];
