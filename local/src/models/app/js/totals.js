// How many items are open and done, counted by the app's function on the server.
import { explain } from "./appwrite.js";
import { element } from "./items.js";

export function install({ account, backend, view }) {
  const line = element("p", { className: "notice", id: "totals", hidden: true });
  let asked = 0;

  async function show() {
    asked += 1;
    const own = asked;
    line.hidden = account.user === null;
    if (line.hidden) return;
    let text;
    try {
      const { open, done } = await backend.call("stats", "GET", "/counts");
      text = `Counted on the server: ${open} open, ${done} done.`;
    } catch (error) {
      text = `The server could not count the items. ${explain(error)}`;
    }
    // An answer to an earlier question is of no use.
    if (own === asked) line.textContent = text;
  }

  account.subscribe(show);
  view.addSummary(line);
  show();
}
