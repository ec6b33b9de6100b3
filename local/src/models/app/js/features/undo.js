// Undo: the last changes can be taken back, by the button or by Ctrl+Z.
import { element } from "../items.js";

const STEPS_MAX = 20;
const WORDS = new Map([["add", "Added"], ["update", "Changed"], ["remove", "Deleted"], ["replace", "Replaced"]]);

export function install({ document, store, view }) {
  const steps = [];
  const text = element("span");
  const button = element("button", { type: "button", textContent: "Undo" });
  const toast = element("div", { className: "toast", hidden: true }, [text, button]);
  let restoring = false;

  function show() {
    const last = steps.at(-1);
    toast.hidden = last === undefined;
    text.textContent = last === undefined ? "" : `${WORDS.get(last.kind)}.`;
  }

  function undo() {
    const last = steps.pop();
    if (last === undefined) return;
    restoring = true;
    store.replace(last.before);
    restoring = false;
    view.announce("Taken back.");
    show();
  }

  store.subscribe((change) => {
    if (restoring) return;
    // Another list, or another tab's change: there is nothing of ours to take back.
    if (change.before === null) steps.length = 0;
    else steps.push(change);
    if (steps.length > STEPS_MAX) steps.shift();
    show();
  });
  button.addEventListener("click", undo);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=checkbox]), textarea") ?? null;
    if (typing !== null || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    undo();
  });
  document.body.append(toast);
}
