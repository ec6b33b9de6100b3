// The items of one list, kept in the browser's storage or on another shelf. Nothing here touches
// the page.

export const GUEST = "guest";
export const TEXT_MAX = 500;
const TAGS_MAX = 12;

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Turns anything (an old version, an imported file) into an item, or into null.
export function clean(raw) {
  if (raw === null || typeof raw !== "object" || typeof raw.text !== "string") return null;
  const text = raw.text.trim().slice(0, TEXT_MAX);
  if (text === "") return null;
  const tags = Array.isArray(raw.tags) ? raw.tags.filter((tag) => typeof tag === "string") : [];
  return {
    id: typeof raw.id === "string" && /^[0-9a-z-]{1,64}$/i.test(raw.id) ? raw.id : newId(),
    text,
    done: raw.done === true,
    created: Number.isFinite(raw.created) ? raw.created : Date.now(),
    due: typeof raw.due === "string" && /^\d{4}-\d{2}-\d{2}$/.test(raw.due) ? raw.due : "",
    tags: [...new Set(tags.map((tag) => tag.trim().slice(0, 40)).filter(Boolean))].slice(0, TAGS_MAX),
  };
}

// Cleans a whole list; an id that occurs twice is replaced.
export function cleanAll(raw) {
  if (!Array.isArray(raw)) return [];
  const seen = new Set();
  return raw.map(clean).filter((item) => {
    if (item === null) return false;
    if (seen.has(item.id)) item.id = newId();
    seen.add(item.id);
    return true;
  });
}

// The guest's shelf. `storage` is a Storage, or null where the browser refuses one.
function browserShelf(storage, key) {
  return {
    load() {
      try {
        return cleanAll(JSON.parse(storage?.getItem(key) ?? "[]"));
      } catch {
        return [];
      }
    },
    // False when the browser does not keep the items.
    save(items) {
      try {
        storage.setItem(key, JSON.stringify(items));
        return true;
      } catch {
        return false;
      }
    },
  };
}

export function createStore(storage, prefix) {
  const guests = browserShelf(storage, `${prefix}/items/${GUEST}`);
  let list = GUEST;
  let shelf = guests;
  let items = shelf.load();
  let saved = storage !== null;
  const listeners = new Set();

  function save() {
    saved = shelf.save(items);
  }

  function emit(kind, before) {
    for (const listener of listeners) listener({ kind, before });
  }

  return {
    // False when the browser did not keep the last change.
    get saved() {
      return saved;
    },
    get list() {
      return list;
    },
    all() {
      return items.map((item) => ({ ...item, tags: [...item.tags] }));
    },
    add(fields) {
      const item = clean({ ...fields, id: newId(), created: Date.now(), done: false });
      if (item === null) return null;
      const before = items;
      items = [...items, item];
      save();
      emit("add", before);
      return { ...item };
    },
    update(id, changes) {
      const before = items;
      items = items.map((item) => (item.id === id ? clean({ ...item, ...changes, id }) ?? item : item));
      save();
      emit("update", before);
    },
    remove(id) {
      const before = items;
      items = items.filter((item) => item.id !== id);
      save();
      emit("remove", before);
    },
    replace(next) {
      const before = items;
      items = cleanAll(next);
      save();
      emit("replace", before);
    },
    // Changes to another list, on a shelf { load() -> items, save(items) -> whether it is kept };
    // without one it is the guest's.
    use(name, other = guests) {
      list = name;
      shelf = other;
      items = shelf.load();
      emit("use", null);
    },
    reload() {
      items = shelf.load();
      emit("reload", null);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
