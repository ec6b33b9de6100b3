// The items as a resource with the usual methods, answered inside the browser.
// This is a demonstration of the interface: no request leaves the page.
import { element, field } from "./items.js";

const METHODS = [
  ["GET", "/items", "lists every item", ""],
  ["POST", "/items", "creates an item", '{ "text": "Water the plants" }'],
  ["GET", "/items/{id}", "returns one item", ""],
  ["PATCH", "/items/{id}", "changes text, done, due or tags", '{ "done": true }'],
  ["DELETE", "/items/{id}", "removes an item", ""],
];

function refuse(status, error) {
  return { status, body: { error } };
}

function parse(body) {
  try {
    const value = JSON.parse(body);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

// Answers one request: { status, body }.
export function handle(store, method, path, body) {
  const match = /^\/items(?:\/([^/]+))?$/.exec(path.trim());
  if (match === null) return refuse(404, "no such path");
  const id = match[1];
  const item = store.all().find((candidate) => candidate.id === id);
  if (id === undefined) {
    if (method === "GET") return { status: 200, body: { total: store.all().length, items: store.all() } };
    if (method !== "POST") return refuse(405, "use GET or POST here");
    const fields = parse(body);
    if (fields === null) return refuse(400, "the body is not a JSON object");
    const created = store.add(fields);
    return created === null ? refuse(422, "text is missing or empty") : { status: 201, body: created };
  }
  if (item === undefined) return refuse(404, "no such item");
  if (method === "GET") return { status: 200, body: item };
  if (method === "DELETE") {
    store.remove(id);
    return { status: 204, body: null };
  }
  if (method !== "PATCH") return refuse(405, "use GET, PATCH or DELETE here");
  const changes = parse(body);
  if (changes === null) return refuse(400, "the body is not a JSON object");
  store.update(id, changes);
  return { status: 200, body: store.all().find((candidate) => candidate.id === id) };
}

function documentation() {
  const head = element("tr", {}, ["Method", "Path", "What it does", "Body"].map((text) => element("th", { textContent: text, scope: "col" })));
  const rows = METHODS.map(([method, path, meaning, example]) =>
    element("tr", {}, [
      element("td", {}, [element("code", { textContent: method })]),
      element("td", {}, [element("code", { textContent: path })]),
      element("td", { textContent: meaning }),
      element("td", {}, [element("code", { textContent: example })]),
    ]),
  );
  const table = element("table", {}, [element("thead", {}, [head]), element("tbody", {}, rows)]);
  return element("div", { className: "scroll" }, [table]);
}

export function install({ document, store }) {
  const section = document.getElementById("resource");
  const names = [...new Set(METHODS.map(([method]) => method))];
  const method = element("select", { id: "request-method" }, names.map((name) => element("option", { textContent: name })));
  const path = element("input", { id: "request-path", type: "text", value: "/items", spellcheck: false });
  const body = element("textarea", { id: "request-body", spellcheck: false });
  const send = element("button", { type: "submit", textContent: "Send" });
  const answer = element("pre", { className: "answer", tabIndex: 0 });
  answer.setAttribute("aria-label", "Answer");
  answer.setAttribute("aria-live", "polite");
  const bodyField = field("Body (JSON)", body);
  bodyField.classList.add("wide");
  const form = element("form", { className: "console" }, [
    field("Method", method),
    field("Path", path),
    bodyField,
    element("div", { className: "wide" }, [send, answer]),
  ]);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const result = handle(store, method.value, path.value, body.value);
    answer.textContent = `${result.status}\n${result.body === null ? "" : JSON.stringify(result.body, null, 2)}`;
  });
  section.append(documentation(), form);
}
