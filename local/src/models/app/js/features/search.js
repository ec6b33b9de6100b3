// Search by text, and a filter for open and done items.
import { element, field } from "../items.js";

export function install({ view }) {
  const query = element("input", { id: "search", type: "search", dir: "auto" });
  const state = element("select", { id: "filter" }, [
    element("option", { value: "all", textContent: "All" }),
    element("option", { value: "open", textContent: "Open" }),
    element("option", { value: "done", textContent: "Done" }),
  ]);
  query.addEventListener("input", () => view.refresh());
  state.addEventListener("change", () => view.refresh());
  view.addFilter((item) => {
    const wanted = query.value.trim().toLocaleLowerCase();
    const text = [item.text, ...item.tags].join("\n").toLocaleLowerCase();
    return text.includes(wanted);
  });
  view.addFilter((item) => state.value === "all" || item.done === (state.value === "done"));
  view.addTool(field("Search", query));
  view.addTool(field("Show", state));
}
