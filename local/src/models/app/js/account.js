// Accounts: whoever is signed in keeps items in the app's database, everybody else in the browser.
import { explain } from "./appwrite.js";
import { GUEST } from "./store.js";
import { ITEMS_MAX, openRows } from "./rows.js";
import { element, field } from "./items.js";

const PASSWORD_MIN = 8;

function createDialog(backend, enter) {
  const email = element("input", { id: "account-email", type: "email", required: true, maxLength: 320, autocomplete: "username", dir: "ltr" });
  const password = element("input", { id: "account-password", type: "password", required: true, minLength: PASSWORD_MIN, maxLength: 256, autocomplete: "current-password" });
  const error = element("p", { className: "error" });
  error.setAttribute("role", "alert");
  const open = element("button", { type: "submit", className: "primary", textContent: "Continue" });
  const create = element("button", { type: "button", textContent: "Create account" });
  const cancel = element("button", { type: "button", className: "quiet", textContent: "Cancel" });
  const form = element("form", {}, [
    field("E-mail", email),
    field("Password", password),
    error,
    element("div", { className: "row" }, [open, create, cancel]),
  ]);
  const title = element("h2", { id: "account-title", textContent: "Sign in" });
  const note = element("p", {
    className: "notice",
    textContent: "Items of an account are kept on the server, where no other account sees them. The guest list stays in this browser.",
  });
  const dialog = element("dialog", {}, [title, note, form]);
  dialog.setAttribute("aria-labelledby", title.id);

  async function attempt(action) {
    if (!form.reportValidity()) return;
    open.disabled = create.disabled = true;
    error.textContent = "";
    try {
      await enter(await action(email.value.trim(), password.value));
      dialog.close();
    } catch (problem) {
      error.textContent = explain(problem);
    }
    open.disabled = create.disabled = false;
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(backend.signIn);
  });
  create.addEventListener("click", () => attempt(backend.signUp));
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    password.value = "";
    error.textContent = "";
  });
  return dialog;
}

// A line that says what is not saved or could not be read, with a way to try again.
function createNote() {
  const text = element("span");
  const again = element("button", { type: "button", className: "quiet", textContent: "Try again" });
  const node = element("p", { className: "error", hidden: true }, [text, " ", again]);
  node.setAttribute("role", "alert");
  let retry = () => {};
  again.addEventListener("click", () => retry());
  window.addEventListener("online", () => retry());
  return {
    node,
    show(sentence, action) {
      node.hidden = false;
      text.textContent = sentence;
      retry = action;
    },
    hide() {
      node.hidden = true;
      retry = () => {};
    },
  };
}

export function install(app) {
  const { backend, document, project, storage, store, view } = app;
  const whose = document.getElementById("whose");
  const button = element("button", { type: "button", textContent: "Sign in" });
  const note = createNote();
  const listeners = new Set();
  let deployed = false;
  let user = null;
  let shelf = null;

  // Other parts hear of another user, and of items that are saved.
  app.account = {
    get user() {
      return user;
    },
    subscribe: (listener) => listeners.add(listener),
  };

  function changed() {
    for (const listener of listeners) listener();
  }

  function show() {
    button.textContent = user === null ? "Sign in" : "Sign out";
    const full = shelf?.full ? ` (the first ${ITEMS_MAX})` : "";
    whose.textContent = user === null ? "Guest list, kept in this browser" : `List of ${user.name}, kept in this account${full}`;
  }

  function tell(whom, { unsaved, error }) {
    if (user?.id !== whom) return;
    if (error !== null) note.show(`Not saved yet: ${unsaved}. ${explain(error)}`, () => shelf.flush());
    else if (unsaved === 0) {
      note.hide();
      changed();
    }
  }

  async function enter(found) {
    const key = `${project.storage}/unsaved/${found.id}`;
    const opened = await openRows(backend, storage, key, (state) => tell(found.id, state));
    [user, shelf] = [found, opened];
    note.hide();
    store.use(`account/${user.id}`, shelf);
    show();
    view.announce("Signed in.");
    changed();
    shelf.flush();
  }

  function leave() {
    [user, shelf] = [null, null];
    note.hide();
    store.use(GUEST);
    show();
    changed();
  }

  async function signOut() {
    button.disabled = true;
    try {
      const saved = await shelf.flush();
      await backend.signOut();
      leave();
      view.announce(saved ? "Signed out." : "Signed out. Changes that are not saved wait in this browser for the next sign-in.");
    } catch (error) {
      note.show(explain(error), signOut);
    }
    button.disabled = false;
  }

  // Goes on as whoever was signed in here before; nobody's list is shown until that is known.
  async function start() {
    view.pause(true);
    try {
      deployed = await backend.open();
      const found = deployed ? await backend.restore() : null;
      if (found !== null) await enter(found);
      else leave();
    } catch (error) {
      leave();
      note.show(`This is the guest list. ${explain(error)}`, start);
    }
    view.pause(false);
  }

  async function refresh() {
    const current = shelf;
    try {
      if ((await current?.refresh()) && current === shelf) store.reload();
    } catch (error) {
      if (current === shelf) note.show(explain(error), refresh);
    }
  }

  const dialog = createDialog(backend, enter);
  button.addEventListener("click", () => {
    if (user !== null) signOut();
    else if (deployed) dialog.showModal();
    else view.announce((whose.textContent = "Signing in works where this app is deployed. The guest list works."));
  });
  window.addEventListener("storage", (event) => {
    if (event.key === backend.sessionKey) start();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
  document.body.append(dialog);
  view.addAction(button);
  view.addSummary(note.node);
  show();
  start();
}
