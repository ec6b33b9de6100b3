// Starts the page: it can be read without any script, and this adds the choice of a theme.
import { PROJECT } from "./project.js";
import { install } from "./theme.js";

function browserStorage() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

const actions = document.getElementById("actions");
const view = { addAction: (button) => actions.append(button) };
install({ project: PROJECT, document, storage: browserStorage(), view });
