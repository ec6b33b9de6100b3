// Light and dark: follows the system until the person chooses.

export function install({ document, project, storage, view }) {
  const key = `${project.storage}/theme`;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const button = document.createElement("button");
  button.type = "button";

  function isDark() {
    return (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  }

  function show() {
    button.textContent = isDark() ? "Light theme" : "Dark theme";
  }

  try {
    const chosen = storage?.getItem(key);
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  } catch {
    // Without storage the choice lasts for this visit.
  }
  button.addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      storage?.setItem(key, next);
    } catch {
      // As above.
    }
    show();
  });
  dark.addEventListener("change", show);
  show();
  view.addAction(button);
}
