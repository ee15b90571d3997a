// The form: a labelled control for each field, its mistakes, and the values as one input object.

function formFor(fields, place) {
  const rows = fields.map((field, index) => rowFor(field, `field-${index}`));
  place.replaceChildren(...rows.map((row) => row.element));
  if (!rows.length) place.append(element("p", {}, "This model has no inputs."));
  for (const row of rows) row.control.set(row.field.default);

  // Throws the first Mistake after it has shown all of them.
  function get() {
    const input = Object.create(null); // so that no name of an input means anything else
    const wrong = [];
    for (const row of rows) {
      try {
        const value = row.control.get();
        if (value !== undefined) input[row.field.name] = value;
        else if (row.field.required) throw new Mistake("This input is required.");
        row.show("");
      } catch (error) {
        if (!(error instanceof Mistake)) throw error;
        row.show(error.message);
        wrong.push(row);
      }
    }
    if (wrong.length) {
      wrong[0].control.focus();
      throw new Mistake(wrong.length === 1 ? "One input needs a change." : `${wrong.length} inputs need a change.`);
    }
    return input;
  }

  return {
    rows,
    get,
    // The values as far as they can be sent, for the code that is shown while someone types.
    peek: () => {
      const input = Object.create(null);
      for (const row of rows) {
        try {
          const value = row.control.get();
          if (value !== undefined) input[row.field.name] = value;
        } catch (error) {
          if (!(error instanceof Mistake)) throw error;
        }
      }
      return input;
    },
    set: (input) => {
      for (const row of rows) if (Object.hasOwn(input, row.field.name)) row.control.set(input[row.field.name]);
    },
    reset: () => {
      for (const row of rows) {
        row.control.set(row.field.default);
        row.show("");
      }
    },
    // The server's list of mistakes; returns those that belong to no field.
    showServerMistakes: (detail) => {
      const rest = [];
      for (const { loc, msg } of detail) {
        const row = rows.find((each) => Array.isArray(loc) && loc.includes(each.field.name));
        if (row) row.show(String(msg));
        else rest.push(`${Array.isArray(loc) ? loc.join(".") : ""}: ${msg}`);
      }
      return rest;
    },
  };
}

function rowFor(field, id) {
  const label = `${id}-label`;
  const control = controlFor(field, id, label);
  const optional = !field.required && !field.hasDefault;
  const marks = [field.required ? "required" : optional ? "optional" : "", boundsOf(field)].filter(Boolean).join(", ");
  const mark = marks ? element("span", { class: "mark" }, marks) : null;
  const description = field.description ? element("p", { class: "description", id: `${id}-description` }, field.description) : null;
  const error = element("p", { class: "error", id: `${id}-error` });
  control.describedBy([description && description.id, error.id].filter(Boolean).join(" "));
  const several = field.kind === "list" || field.kind === "file";
  const parts = control.labelBeside
    ? [element("label", { class: "switch", for: id, id: label }, control.element, field.title, mark), description]
    : [element(several ? "legend" : "label", several ? { id: label } : { for: id, id: label }, field.title, mark), description, control.element];
  return {
    field,
    control,
    element: element(several ? "fieldset" : "div", { class: "field", "data-name": field.name }, ...parts, error),
    show: (text) => {
      error.textContent = text;
      control.invalid(Boolean(text));
    },
  };
}

function boundsOf(field) {
  if (field.minimum !== undefined && field.maximum !== undefined) return `${field.minimum} to ${field.maximum}`;
  if (field.minimum !== undefined) return `${field.minimum} or more`;
  if (field.maximum !== undefined) return `${field.maximum} or less`;
  return "";
}
