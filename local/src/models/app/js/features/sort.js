// The order in which items are shown; the choice is remembered.
import { element, field } from "../items.js";

const ORDERS = [
  ["oldest", "Oldest first", (a, b) => a.created - b.created],
  ["newest", "Newest first", (a, b) => b.created - a.created],
  ["text", "By text", (a, b) => a.text.localeCompare(b.text)],
  ["open", "Open first", (a, b) => Number(a.done) - Number(b.done) || a.created - b.created],
  ["due", "By due date", (a, b) => (a.due || "9999").localeCompare(b.due || "9999") || a.created - b.created],
];

export function install({ project, storage, view }) {
  const key = `${project.storage}/order`;
  const choices = ORDERS.filter(([name]) => name !== "due" || project.features.includes("due"));
  const select = element("select", { id: "sort" }, choices.map(([value, textContent]) => element("option", { value, textContent })));

  function apply() {
    view.setOrder(choices.find(([name]) => name === select.value)[2]);
  }

  try {
    const kept = storage?.getItem(key);
    if (choices.some(([name]) => name === kept)) select.value = kept;
  } catch {
    // Without storage the choice lasts for this visit.
  }
  select.addEventListener("change", () => {
    apply();
    try {
      storage?.setItem(key, select.value);
    } catch {
      // As above.
    }
  });
  view.addTool(field("Sort", select));
  apply();
}
