// Due dates: a date for each item, marked when it has passed.
import { element, field } from "../items.js";

function today() {
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}

function shown(due) {
  const [year, month, day] = due.split("-").map(Number);
  return new Date(year, month - 1, day).toLocaleDateString(undefined, { dateStyle: "medium" });
}

export function install({ view }) {
  const date = element("input", { id: "new-due", type: "date" });
  view.addField({
    node: field("Due date", date),
    read: () => ({ due: date.value }),
    reset: () => (date.value = ""),
  });
  view.addDetail((item) => {
    if (item.due === "") return [];
    const late = !item.done && item.due < today();
    const text = late ? `Overdue: ${shown(item.due)}` : `Due ${shown(item.due)}`;
    return [element("span", { className: late ? "chip late" : "chip", textContent: text })];
  });
}
