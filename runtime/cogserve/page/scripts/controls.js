// One control for each kind of field: {element, get, set, focus, invalid, describedBy}.
// `get` returns undefined for an input that is left out, and throws a Mistake for one that cannot be sent.

class Mistake extends Error {}

function controlFor(field, id, labelledBy) {
  if (field.kind === "boolean") return field.required || field.hasDefault ? switchControl(field, id) : maybeControl(field, id);
  if (field.kind === "choice") return choiceControl(field, id);
  if (field.kind === "integer" || field.kind === "number") return numberControl(field, id, labelledBy);
  if (field.kind === "file") return fileControl(field, id, labelledBy);
  if (field.kind === "list") return listControl(field, id);
  if (field.kind === "json") return jsonControl(field, id, labelledBy);
  return textControl(field, id, labelledBy);
}

function simple(input, rest) {
  return {
    element: input,
    focus: () => input.focus(),
    invalid: (is) => input.setAttribute("aria-invalid", String(is)),
    describedBy: (ids) => input.setAttribute("aria-describedby", ids),
    ...rest,
  };
}

function textControl(field, id, labelledBy) {
  const input = field.secret
    ? element("input", { type: "password", id, autocomplete: "off", "aria-labelledby": labelledBy })
    : element("textarea", { id, rows: "1", "aria-labelledby": labelledBy, spellcheck: "false" });
  return simple(input, {
    get: () => {
      const optional = !field.required && !field.hasDefault;
      if (input.value === "" && (optional || field.required)) return undefined;
      const mistake = mistakeIn(field, input.value);
      if (mistake) throw new Mistake(mistake);
      return input.value;
    },
    set: (value) => (input.value = typeof value === "string" ? value : ""),
  });
}

function numberControl(field, id, labelledBy) {
  const bounds = { min: field.minimum, max: field.maximum };
  const whole = field.kind === "integer";
  const input = element("input", {
    type: "number",
    id,
    ...bounds,
    step: whole ? 1 : "any",
    inputmode: whole ? "numeric" : "decimal",
    "aria-labelledby": labelledBy,
  });
  const bounded = Number.isFinite(field.minimum) && Number.isFinite(field.maximum) && field.minimum < field.maximum;
  const slider = bounded
    ? element("input", {
        type: "range",
        ...bounds,
        step: whole ? 1 : (field.maximum - field.minimum) / 100,
        "aria-label": `${field.title}, slider`,
        oninput: () => (input.value = whole ? slider.value : String(Number(Number(slider.value).toPrecision(6)))),
      })
    : null;
  input.addEventListener("input", follow);
  function follow() {
    if (slider && input.value !== "") slider.value = input.value;
  }
  return simple(input, {
    element: element("div", { class: "number" }, input, slider),
    get: () => {
      if (input.validity.badInput) throw new Mistake("Enter a number.");
      if (input.value === "") return undefined;
      const mistake = mistakeIn(field, Number(input.value));
      if (mistake) throw new Mistake(mistake);
      return Number(input.value);
    },
    set: (value) => {
      input.value = typeof value === "number" ? String(value) : "";
      follow();
    },
  });
}

function switchControl(field, id) {
  const input = element("input", { type: "checkbox", role: "switch", id });
  return simple(input, { get: () => input.checked, set: (value) => (input.checked = value === true), labelBeside: true });
}

function maybeControl(field, id) {
  return choiceControl({ ...field, choices: [true, false] }, id);
}

function choiceControl(field, id) {
  const values = field.choices;
  const optional = !field.hasDefault;
  const input = element(
    "select",
    { id },
    optional ? element("option", { value: "" }, field.required ? "Choose…" : "not set") : null,
    ...values.map((value, index) => element("option", { value: String(index) }, String(value))),
  );
  return simple(input, {
    get: () => (input.value === "" ? undefined : values[Number(input.value)]),
    set: (value) => {
      const index = values.indexOf(value);
      input.value = index >= 0 ? String(index) : optional ? "" : "0";
    },
  });
}

function jsonControl(field, id, labelledBy) {
  const input = element("textarea", {
    id, class: "code", rows: "3", placeholder: "JSON", "aria-labelledby": labelledBy, spellcheck: "false",
  });
  return simple(input, {
    get: () => {
      if (input.value.trim() === "") return undefined;
      try {
        return JSON.parse(input.value);
      } catch (error) {
        throw new Mistake(`This is not JSON: ${error.message}`);
      }
    },
    set: (value) => (input.value = value === undefined || value === null ? "" : JSON.stringify(value, null, 2)),
  });
}

function listControl(field, id) {
  const items = [];
  let made = 0;
  const list = element("div");
  const files = field.item.kind === "file";
  const add = files
    ? element("input", {
        type: "file", id, multiple: true, accept: field.item.accept, "aria-label": `Add files to ${field.title}`,
        onchange: async () => {
          for (const file of add.files) await append(undefined).takeFile(file);
          add.value = "";
        },
      })
    : element("button", { type: "button", id, class: "quiet", onclick: () => append(undefined).focus() }, "Add an item");
  const whole = element("div", {}, list, files ? element("p", { class: "note" }, "Add files:") : null, add);

  function append(value) {
    made += 1;
    const itemId = `${id}-${made}`;
    const label = element("span", { id: `${itemId}-label`, class: "hidden" }, `${field.title}, item ${made}`);
    const control = controlFor({ ...field.item, title: `${field.title}, item ${made}`, required: true, hasDefault: false }, itemId, label.id);
    if (!files && !control.element.hasAttribute("aria-labelledby")) control.element.setAttribute("aria-labelledby", label.id);
    const row = element(
      "div",
      { class: "item" },
      element("div", {}, label, control.element),
      element(
        "button",
        {
          type: "button", class: "quiet", "aria-label": `Remove item ${made} of ${field.title}`,
          onclick: () => {
            items.splice(items.indexOf(entry), 1);
            row.remove();
            add.focus();
          },
        },
        "Remove",
      ),
    );
    const entry = { control, row };
    items.push(entry);
    list.append(row);
    if (value !== undefined) control.set(value);
    return control;
  }

  return {
    element: whole,
    focus: () => (items.length ? items[0].control.focus() : add.focus()),
    invalid: () => {},
    describedBy: (ids) => add.setAttribute("aria-describedby", ids),
    get: () => {
      const values = items.map(({ control }) => control.get()).filter((value) => value !== undefined);
      return values.length || field.required || field.hasDefault ? values : undefined;
    },
    set: (values) => {
      for (const { row } of items.splice(0)) row.remove();
      for (const value of Array.isArray(values) ? values : []) append(value);
    },
    fileNames: () => items.map(({ control }) => control.fileName && control.fileName()),
  };
}
