// Starts the app: one store, one view, then every part that was asked for.
import { PROJECT } from "./project.js";
import { createStore } from "./store.js";
import { createView } from "./items.js";
{{imports}}
function browserStorage() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

const store = createStore(browserStorage(), PROJECT.storage);
const view = createView(document, store);
const app = { project: PROJECT, document, store, view, storage: browserStorage() };

{{installs}}
// Another tab may have changed the same list.
window.addEventListener("storage", () => store.reload());
view.refresh();
