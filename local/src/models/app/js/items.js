// Shows the list and takes input. Item text reaches the page by textContent only.

export function element(tag, properties = {}, children = []) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

// A labelled control for the toolbar or the form.
export function field(label, control) {
  const caption = element("label", { textContent: label, htmlFor: control.id });
  return element("div", { className: "field" }, [caption, control]);
}

export function createView(page, store) {
  const form = page.getElementById("new-item-form");
  const input = page.getElementById("new-item");
  const list = page.getElementById("items");
  const empty = page.getElementById("empty");
  const status = page.getElementById("status");
  const extraFields = page.getElementById("extra-fields");
  const filters = [];
  const details = [];
  const readers = [];
  let order = null;
  let editing = null;

  function announce(text) {
    status.textContent = "";
    requestAnimationFrame(() => {
      status.textContent = store.saved ? text : `${text} The browser did not keep this change.`;
    });
  }

  function visible() {
    const shown = store.all().filter((item) => filters.every((keep) => keep(item)));
    return order === null ? shown : shown.sort(order);
  }

  function finishEdit(item, control) {
    const text = control.value.trim();
    editing = null;
    if (text !== "" && text !== item.text) {
      store.update(item.id, { text });
      announce("Changed.");
    } else {
      refresh();
    }
    list.querySelector(`[data-edit="${item.id}"]`)?.focus();
  }

  function editor(item) {
    const control = element("input", { type: "text", maxLength: 500, value: item.text, dir: "auto", id: `edit-${item.id}` });
    control.setAttribute("aria-label", "Text of the item");
    const save = element("button", { type: "submit", className: "primary", textContent: "Save" });
    const cancel = element("button", { type: "button", className: "quiet", textContent: "Cancel" });
    const box = element("form", { className: "editor" }, [control, save, cancel]);
    const leave = () => {
      editing = null;
      refresh();
      list.querySelector(`[data-edit="${item.id}"]`)?.focus();
    };
    cancel.addEventListener("click", leave);
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") leave();
    });
    box.addEventListener("submit", (event) => {
      event.preventDefault();
      finishEdit(item, control);
    });
    return box;
  }

  function row(item) {
    if (editing === item.id) return element("li", { className: "item" }, [editor(item)]);
    const box = element("input", { type: "checkbox", id: `done-${item.id}`, checked: item.done });
    const text = element("label", { className: "text", htmlFor: box.id, id: `text-${item.id}`, textContent: item.text, dir: "auto" });
    const meta = element("div", { className: "meta" }, details.flatMap((detail) => detail(item)));
    const edit = element("button", { type: "button", className: "quiet", textContent: "Edit" });
    const remove = element("button", { type: "button", className: "quiet danger", textContent: "Delete" });
    edit.dataset.edit = item.id;
    for (const button of [edit, remove]) button.setAttribute("aria-describedby", text.id);
    box.addEventListener("change", () => {
      store.update(item.id, { done: box.checked });
      announce(box.checked ? "Completed." : "Open again.");
      page.getElementById(`done-${item.id}`)?.focus();
    });
    edit.addEventListener("click", () => {
      editing = item.id;
      refresh();
      page.getElementById(`edit-${item.id}`)?.select();
    });
    remove.addEventListener("click", () => {
      store.remove(item.id);
      announce("Deleted.");
      input.focus();
    });
    return element("li", { className: item.done ? "item done" : "item" }, [
      box,
      element("div", { className: "body" }, [text, meta]),
      element("div", { className: "buttons" }, [edit, remove]),
    ]);
  }

  function refresh() {
    const items = visible();
    list.replaceChildren(...items.map(row));
    empty.hidden = items.length > 0;
    empty.textContent =
      store.all().length === 0 ? "Nothing here yet. Write the first item above." : "No item matches.";
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const extra = Object.assign({}, ...readers.map((reader) => reader.read()));
    if (store.add({ ...extra, text: input.value }) === null) {
      announce("Write something first.");
    } else {
      input.value = "";
      for (const reader of readers) reader.reset();
      announce("Added.");
    }
    input.focus();
  });
  store.subscribe(refresh);

  return {
    announce,
    refresh,
    // While paused, no items are shown and none can be added.
    pause(paused) {
      form.inert = list.hidden = paused;
      if (paused) empty.hidden = true;
      else refresh();
    },
    // Adds a control above the list.
    addTool(node) {
      page.getElementById("toolbar").append(node);
    },
    addAction(node) {
      page.getElementById("actions").append(node);
    },
    addSummary(node) {
      page.getElementById("summary").append(node);
    },
    // `reader` is { node, read() -> fields of the new item, reset() }.
    addField(reader) {
      readers.push(reader);
      extraFields.append(reader.node);
    },
    // `keep(item)` says whether an item is shown.
    addFilter(keep) {
      filters.push(keep);
    },
    // `detail(item)` returns nodes to show under the text.
    addDetail(detail) {
      details.push(detail);
    },
    setOrder(compare) {
      order = compare;
      refresh();
    },
  };
}
