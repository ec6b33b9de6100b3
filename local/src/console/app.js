// The console's shell: the key, requests, sections. What a section shows is in views.js.

import { sections } from './views.js';

/** Where the key is kept: for this tab, until it is closed. */
const KEPT = 'console-key';

const view = document.getElementById('view');
const nav = document.getElementById('nav');
const leave = document.getElementById('leave');

let key = sessionStorage.getItem(KEPT);
let project = '';
/** Ends what the section on show has under way. */
let ending = new AbortController();

/** A request that was not answered with success, in words. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Makes an element: `el('a', { href: '#/' }, 'text', child)`. Text is never taken for HTML. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (attribute.startsWith('on')) made.addEventListener(attribute.slice(2), value);
    else if (value === true) made.setAttribute(attribute, '');
    else if (value !== false && value != null) made.setAttribute(attribute, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** Asks the platform with the key. Returns the response, which is a success. */
export async function request(path, options = {}) {
  const headers = { 'x-appwrite-project': project, 'x-appwrite-key': key };
  if (options.body) headers['content-type'] = 'application/json';
  // Cookies of this browser's own sessions have no say here.
  const response = await fetch(`/v1${path}`, { signal: ending.signal, ...options, headers, credentials: 'omit' });
  if (response.ok) return response;
  const text = await response.text();
  let message = text;
  try {
    message = JSON.parse(text).message;
  } catch {
    message = text.slice(0, 200);
  }
  throw new Refused(response.status, message || `The platform answered ${response.status}.`);
}

export async function get(path) {
  return (await request(path)).json();
}

/** A query string of Appwrite's queries. */
export function queries(...list) {
  return list.map((query) => `queries[]=${encodeURIComponent(JSON.stringify(query))}`).join('&');
}

/** Shows what `load` comes to; tells that it loads, and what went wrong. */
export async function show(place, load) {
  place.setAttribute('aria-busy', 'true');
  const { signal } = ending;
  const waiting = setTimeout(() => place.replaceChildren(el('p', { class: 'note' }, 'Loading …')), 200);
  try {
    const shown = await load(signal);
    clearTimeout(waiting);
    if (!signal.aborted) place.replaceChildren(...[shown].flat());
  } catch (error) {
    clearTimeout(waiting);
    if (signal.aborted) return;
    if (error.status === 401) return askForKey('This key does not open the console any more.');
    const again = el('button', { type: 'button', onclick: () => show(place, load) }, 'Try again');
    const text = error instanceof Refused ? error.message : 'The platform does not answer.';
    place.replaceChildren(el('p', { class: 'note bad', role: 'alert' }, text), el('p', { class: 'row' }, again));
  } finally {
    place.removeAttribute('aria-busy');
  }
}

function keep(given) {
  key = given;
  sessionStorage.setItem(KEPT, given);
}

function forget() {
  key = null;
  sessionStorage.removeItem(KEPT);
  askForKey('');
}

/** Takes the key out of the link, so that it stands neither in the address nor in the history. */
function takeFromLink() {
  const given = new URLSearchParams(location.hash.slice(1)).get('key');
  if (!given) return;
  history.replaceState(null, '', `${location.pathname}#/`);
  keep(given);
}

function askForKey(problem) {
  ending.abort();
  nav.hidden = true;
  leave.hidden = true;
  const input = el('input', {
    id: 'key', type: 'password', autocomplete: 'off', required: true, 'aria-describedby': 'key-hint key-problem',
  });
  const form = el('form', { class: 'panel pad sign-in' },
    el('h2', {}, 'Open the console'),
    el('label', { for: 'key' }, 'Key of the project'),
    input,
    el('p', { class: 'hint', id: 'key-hint' },
      'orchestrator local prints it, and a link that opens this page without asking. It is kept in this tab only.'),
    el('p', { class: 'bad', id: 'key-problem', role: 'alert' }, problem),
    el('button', { class: 'main' }, 'Open'));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    ending = new AbortController();
    key = input.value.trim();
    try {
      await request('/local/counts');
      keep(key);
      start();
    } catch (error) {
      const wrong = error.status === 401;
      form.querySelector('#key-problem').textContent = wrong ? 'This is not the key.' : 'The platform does not answer.';
      input.focus();
    }
  });
  view.replaceChildren(form);
  input.focus();
}

/** Shows the section that the address names: `#/section/part/…`. */
function route() {
  takeFromLink();
  if (!key) return askForKey('');
  const [name, ...parts] = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  const section = sections.find((it) => it.id === name) ?? sections[0];
  ending.abort();
  ending = new AbortController();
  nav.hidden = false;
  leave.hidden = false;
  for (const link of nav.children) {
    if (link.dataset.id === section.id) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `${section.title} – Console`;
  view.replaceChildren();
  section.open(view, parts, ending.signal);
}

function start() {
  nav.replaceChildren(...sections.map((it) => el('a', { href: `#/${it.id}`, 'data-id': it.id }, it.title)));
  route();
}

leave.addEventListener('click', forget);
window.addEventListener('hashchange', () => {
  // The link to the content is no section.
  if (location.hash !== '#view') route();
});
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  view.focus();
});

try {
  const config = await (await fetch('/console/config.json')).json();
  project = config.projectId;
  document.getElementById('project').textContent = config.name;
  start();
} catch {
  view.replaceChildren(el('p', { class: 'note bad', role: 'alert' }, 'The platform does not answer.'));
}
