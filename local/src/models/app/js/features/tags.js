// Tags: several for each item, and a filter by tag.
import { element, field } from "../items.js";

export function install({ store, view }) {
  const input = element("input", { id: "new-tags", type: "text", maxLength: 200, dir: "auto" });
  const select = element("select", { id: "tag" });

  function fill() {
    const chosen = select.value;
    const tags = [...new Set(store.all().flatMap((item) => item.tags))].sort((a, b) => a.localeCompare(b));
    select.replaceChildren(
      element("option", { value: "", textContent: "Every tag" }),
      ...tags.map((tag) => element("option", { value: tag, textContent: tag })),
    );
    select.value = tags.includes(chosen) ? chosen : "";
  }

  view.addField({
    node: field("Tags, separated by commas", input),
    read: () => ({ tags: input.value.split(",") }),
    reset: () => (input.value = ""),
  });
  view.addDetail((item) => item.tags.map((tag) => element("span", { className: "chip", textContent: tag, dir: "auto" })));
  view.addFilter((item) => select.value === "" || item.tags.includes(select.value));
  select.addEventListener("change", () => view.refresh());
  store.subscribe(() => {
    fill();
    view.refresh();
  });
  view.addTool(field("Tag", select));
  fill();
}
