// Accounts of this browser. They keep lists apart; they are no protection from someone who can
// open the browser's storage. A password is kept only as a salted PBKDF2 hash.
import { GUEST } from "./store.js";
import { element, field } from "./items.js";

const ITERATIONS = 310000;
const PASSWORD_MIN = 8;

function toHex(bytes) {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function hash(password, salt, iterations) {
  const encoder = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", encoder.encode(password), "PBKDF2", false, ["deriveBits"]);
  const settings = { name: "PBKDF2", hash: "SHA-256", salt: encoder.encode(salt), iterations };
  return toHex(await crypto.subtle.deriveBits(settings, key, 256));
}

function createAccounts(storage, prefix) {
  const key = `${prefix}/accounts`;
  const sessionKey = `${prefix}/session`;

  function all() {
    try {
      return new Map(Object.entries(JSON.parse(storage?.getItem(key) ?? "{}")));
    } catch {
      return new Map();
    }
  }

  return {
    current() {
      const name = storage?.getItem(sessionKey) ?? null;
      return name !== null && all().has(name) ? name : null;
    },
    // Both return "" or a sentence that says what is wrong.
    async create(name, password) {
      const accounts = all();
      if (accounts.has(name)) return "There is already an account with this name.";
      if (password.length < PASSWORD_MIN) return `The password needs at least ${PASSWORD_MIN} characters.`;
      const salt = toHex(crypto.getRandomValues(new Uint8Array(16)));
      accounts.set(name, { salt, iterations: ITERATIONS, hash: await hash(password, salt, ITERATIONS) });
      storage.setItem(key, JSON.stringify(Object.fromEntries(accounts)));
      storage.setItem(sessionKey, name);
      return "";
    },
    async open(name, password) {
      const account = all().get(name);
      const given = await hash(password, account?.salt ?? "none", account?.iterations ?? ITERATIONS);
      if (account === undefined || account.hash !== given) return "The name or the password is not right.";
      storage.setItem(sessionKey, name);
      return "";
    },
    close() {
      storage?.removeItem(sessionKey);
    },
  };
}

function createDialog(accounts, onChange) {
  const name = element("input", { id: "account-name", type: "text", required: true, maxLength: 60, autocomplete: "username", dir: "auto" });
  const password = element("input", { id: "account-password", type: "password", required: true, autocomplete: "current-password" });
  const error = element("p", { className: "error" });
  error.setAttribute("role", "alert");
  const open = element("button", { type: "submit", className: "primary", textContent: "Continue" });
  const create = element("button", { type: "button", textContent: "Create account" });
  const cancel = element("button", { type: "button", className: "quiet", textContent: "Cancel" });
  const form = element("form", {}, [
    field("Name", name),
    field("Password", password),
    error,
    element("div", { className: "row" }, [open, create, cancel]),
  ]);
  const title = element("h2", { id: "account-title", textContent: "Sign in" });
  const note = element("p", {
    className: "notice",
    textContent: "Accounts exist in this browser only. They keep lists apart and do not protect them from others who use this browser.",
  });
  const dialog = element("dialog", {}, [title, note, form]);
  dialog.setAttribute("aria-labelledby", title.id);

  async function attempt(action) {
    if (!form.reportValidity()) return;
    open.disabled = create.disabled = true;
    try {
      error.textContent = await action(name.value.trim(), password.value);
    } catch {
      error.textContent = "The browser refused to keep the account.";
    }
    open.disabled = create.disabled = false;
    if (error.textContent !== "") return;
    password.value = "";
    dialog.close();
    onChange();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(accounts.open);
  });
  create.addEventListener("click", () => attempt(accounts.create));
  cancel.addEventListener("click", () => dialog.close());
  return dialog;
}

export function install({ document, project, storage, store, view }) {
  const accounts = createAccounts(storage, project.storage);
  const whose = document.getElementById("whose");
  const button = element("button", { type: "button" });
  const possible = storage !== null && globalThis.crypto?.subtle !== undefined;
  const dialog = createDialog(accounts, () => {
    show();
    view.announce("Signed in.");
  });

  function show() {
    const name = possible ? accounts.current() : null;
    button.textContent = name === null ? "Sign in" : "Sign out";
    whose.textContent = name === null ? "Guest list, kept in this browser" : `List of ${name}, kept in this browser`;
    const list = name === null ? GUEST : `account/${name}`;
    if (store.list !== list) store.use(list);
  }

  button.addEventListener("click", () => {
    if (!possible) {
      view.announce("Signing in needs a secure connection (https or localhost), because the password is hashed by the browser.");
      whose.textContent = "Signing in needs https or localhost. The guest list works.";
    } else if (accounts.current() === null) {
      dialog.showModal();
    } else {
      accounts.close();
      show();
      view.announce("Signed out.");
    }
  });
  document.body.append(dialog);
  view.addAction(button);
  show();
}
