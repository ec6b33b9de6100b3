// Counts of all, open and done items, and how much is done.
import { element } from "../items.js";

export function install({ store, view }) {
  const numbers = ["Total", "Open", "Done"].map((label) => ({ label, node: element("dd") }));
  const bar = element("progress", { max: 1, value: 0 });
  bar.setAttribute("aria-label", "Share of the items that are done");

  function show() {
    const items = store.all();
    const done = items.filter((item) => item.done).length;
    const values = [items.length, items.length - done, done];
    numbers.forEach(({ node }, index) => (node.textContent = String(values[index])));
    bar.value = items.length === 0 ? 0 : done / items.length;
  }

  const pairs = numbers.map(({ label, node }) => element("div", {}, [element("dt", { textContent: label }), node]));
  view.addSummary(element("dl", { className: "counts" }, pairs));
  view.addSummary(bar);
  store.subscribe(show);
  show();
}
