// Keyboard shortcuts, and a dialog that lists them.
import { element } from "../items.js";

export function install({ document, view }) {
  const shortcuts = [
    ["n", "go to the new item", () => document.getElementById("new-item").focus()],
    ["/", "go to the search", () => document.getElementById("search")?.focus()],
    ["?", "show these shortcuts", () => dialog.showModal()],
  ].filter(([key]) => key !== "/" || document.getElementById("search") !== null);
  const title = element("h2", { id: "keys-title", textContent: "Keyboard shortcuts" });
  const entries = shortcuts.flatMap(([key, meaning]) => [
    element("dt", {}, [element("kbd", { textContent: key })]),
    element("dd", { textContent: meaning }),
  ]);
  const close = element("button", { type: "button", textContent: "Close" });
  const dialog = element("dialog", {}, [title, element("dl", { className: "keys" }, entries), close]);
  const open = element("button", { type: "button", className: "quiet", textContent: "Shortcuts" });

  dialog.setAttribute("aria-labelledby", title.id);
  close.addEventListener("click", () => dialog.close());
  open.addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea, dialog") ?? null;
    if (typing !== null || event.ctrlKey || event.metaKey || event.altKey) return;
    const shortcut = shortcuts.find(([key]) => key === event.key);
    if (shortcut === undefined) return;
    event.preventDefault();
    shortcut[2]();
  });
  document.body.append(dialog);
  view.addAction(open);
}
