// Makes the app installable and usable without a network.
import { element } from "./items.js";

export function install({ document, view }) {
  const note = element("p", { className: "notice", hidden: navigator.onLine, textContent: "You are offline. The list works as before." });
  const install = element("button", { type: "button", hidden: true, textContent: "Install" });
  let invitation = null;

  window.addEventListener("online", () => (note.hidden = true));
  window.addEventListener("offline", () => (note.hidden = false));
  window.addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    invitation = event;
    install.hidden = false;
  });
  install.addEventListener("click", () => {
    invitation?.prompt();
    install.hidden = true;
  });
  document.querySelector("main").prepend(note);
  view.addAction(install);
  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.register(new URL("../sw.js", import.meta.url)).catch(() => {
      view.announce("This browser did not allow offline use.");
    });
  }
}
