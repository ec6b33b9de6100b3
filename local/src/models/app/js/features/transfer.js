// Export to a JSON file and import from one.
import { element } from "../items.js";
import { cleanAll } from "../store.js";

const FILE_MAX = 5 * 1024 * 1024;

export function install({ document, project, store, view }) {
  const exportButton = element("button", { type: "button", textContent: "Export" });
  const importButton = element("button", { type: "button", textContent: "Import" });
  const chooser = element("input", { type: "file", accept: "application/json,.json", hidden: true });

  exportButton.addEventListener("click", () => {
    const content = JSON.stringify({ app: project.name, items: store.all() }, null, 2);
    const url = URL.createObjectURL(new Blob([content], { type: "application/json" }));
    const link = element("a", { href: url, download: "items.json" });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 0);
    view.announce("Exported.");
  });
  importButton.addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", async () => {
    const file = chooser.files[0];
    chooser.value = "";
    if (file === undefined) return;
    try {
      if (file.size > FILE_MAX) throw new Error("too large");
      const content = JSON.parse(await file.text());
      const incoming = cleanAll(Array.isArray(content) ? content : content.items);
      const ids = new Set(incoming.map((item) => item.id));
      store.replace([...store.all().filter((item) => !ids.has(item.id)), ...incoming]);
      view.announce(`Imported ${incoming.length}.`);
    } catch {
      view.announce("This file is not an export of this app.");
    }
  });
  view.addTool(element("div", {}, [exportButton, " ", importButton, chooser]));
}
