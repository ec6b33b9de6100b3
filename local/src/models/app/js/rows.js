// Keeps a signed-in person's items as rows of their own. A change shows at once and is saved in
// the background; until then it also waits in this browser, so that neither a reload nor a lost
// connection loses it.
import { clean, newId } from "./store.js";

// More items than this are not read.
export const ITEMS_MAX = 2000;
const PAGE = 100;

function toRow({ text, done, created, due, tags }) {
  return { title: text, done, created, due: due === "" ? null : due, tags };
}

function toItem({ $id, title, done, created, due, tags }) {
  return clean({ id: $id, text: title, done, created, due, tags });
}

function byAge(a, b) {
  return a.created - b.created;
}

async function list(backend) {
  const items = [];
  for (let after = null; items.length < ITEMS_MAX; ) {
    const queries = [{ method: "limit", values: [PAGE] }];
    if (after !== null) queries.push({ method: "cursorAfter", values: [after] });
    const search = new URLSearchParams(queries.map((query) => ["queries[]", JSON.stringify(query)]));
    const { rows } = await backend.request("GET", `${backend.rowsPath}?${search}`);
    items.push(...rows.map(toItem).filter((item) => item !== null));
    if (rows.length < PAGE) break;
    after = rows.at(-1).$id;
  }
  return items.sort(byAge);
}

// Whether the request went through, or was refused with one of these.
async function unless(statuses, request) {
  try {
    await request;
    return true;
  } catch (error) {
    if (statuses.includes(error.status)) return false;
    throw error;
  }
}

// Writes an item and returns its row's id, whatever became of the row or of an earlier attempt.
async function write(backend, row, item) {
  const data = toRow(item);
  const create = (rowId) => unless([409], backend.request("POST", backend.rowsPath, { rowId, data }));
  const change = (rowId) => unless([401, 404], backend.request("PATCH", `${backend.rowsPath}/${rowId}`, { data }));
  if (row !== undefined && (await change(row))) return row;
  if (await create(item.id)) return item.id;
  if (await change(item.id)) return item.id;
  // The id is another person's, from an imported file.
  const other = newId();
  await backend.request("POST", backend.rowsPath, { rowId: other, data });
  return other;
}

function same(a, b) {
  return JSON.stringify(toRow(a)) === JSON.stringify(toRow(b));
}

// Opens the rows. `tell({ unsaved, error })` hears how saving goes.
export async function openRows(backend, storage, key, tell) {
  // Item id -> { row, item } as the server has it.
  const known = new Map();
  let wanted = [];
  let running = null;

  // What the rows lack: [item id, item or null].
  function changes() {
    const ids = new Set(wanted.map((item) => item.id));
    const gone = [...known.keys()].filter((id) => !ids.has(id));
    const other = wanted.filter((item) => !known.has(item.id) || !same(known.get(item.id).item, item));
    return [...other.map((item) => [item.id, item]), ...gone.map((id) => [id, null])];
  }

  function keep(unsaved) {
    try {
      if (unsaved.length === 0) storage?.removeItem(key);
      else storage?.setItem(key, JSON.stringify(unsaved));
    } catch {
      // Then it waits on this page only.
    }
  }

  function waiting() {
    try {
      return new Map(JSON.parse(storage?.getItem(key) ?? "[]"));
    } catch {
      return new Map();
    }
  }

  function adopt(items) {
    known.clear();
    for (const item of items) known.set(item.id, { row: item.id, item });
    wanted = items;
  }

  async function apply(id, item) {
    const row = known.get(id)?.row;
    if (item !== null) known.set(id, { row: await write(backend, row, item), item });
    else {
      await unless([404], backend.request("DELETE", `${backend.rowsPath}/${row}`));
      known.delete(id);
    }
  }

  async function run() {
    for (let unsaved = changes(); unsaved.length > 0; unsaved = changes()) {
      keep(unsaved);
      tell({ unsaved: unsaved.length, error: null });
      try {
        for (const [id, item] of unsaved) await apply(id, item);
      } catch (error) {
        keep(changes());
        tell({ unsaved: changes().length, error });
        return false;
      }
    }
    keep([]);
    tell({ unsaved: 0, error: null });
    return true;
  }

  // Saves what is not saved; true once all is.
  function flush() {
    running ??= run().finally(() => (running = null));
    return running;
  }

  adopt(await list(backend));
  const kept = waiting();
  if (kept.size > 0) {
    const put = [...kept.values()].map(clean).filter((item) => item !== null);
    wanted = [...wanted.filter((item) => !kept.has(item.id)), ...put].sort(byAge);
  }
  return {
    load: () => wanted,
    save(items) {
      wanted = items;
      keep(changes());
      flush();
      return true;
    },
    flush,
    // Reads the rows again, unless a change is on its way; says whether there is something new.
    async refresh() {
      if (running !== null || changes().length > 0) return false;
      const before = wanted;
      const items = await list(backend);
      if (running !== null || wanted !== before || JSON.stringify(items) === JSON.stringify(before)) return false;
      adopt(items);
      return true;
    },
    get full() {
      return known.size >= ITEMS_MAX;
    },
  };
}
