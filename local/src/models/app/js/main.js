// Starts the app: one store, one view, then every part that was asked for.
import { PROJECT } from "./project.js";
import { createStore } from "./store.js";
import { createView } from "./items.js";
@if account
import { createBackend } from "./appwrite.js";
@end
{{imports}}
function browserStorage() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

const storage = browserStorage();
const store = createStore(storage, PROJECT.storage);
const view = createView(document, store);
const app = { project: PROJECT, document, store, view, storage };
@if account
app.backend = createBackend(storage, PROJECT.storage);
@end

{{installs}}
// Another tab may have changed the same list.
window.addEventListener("storage", () => store.reload());
view.refresh();
