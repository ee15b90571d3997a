// Links to an input: `#prompt=a+cat&steps=4` fills the form, `#input-prompt` goes to a field. Nothing runs by itself.

function fromLink(form) {
  const hash = location.hash.slice(1);
  if (!hash) return;
  if (hash.startsWith("input-") && !hash.includes("=")) {
    const name = decodeURIComponent(hash.slice(6));
    const row = form.rows.find((each) => each.field.name === name);
    if (row) row.control.focus();
    return;
  }
  const given = new URLSearchParams(hash);
  for (const { field, control } of form.rows) {
    if (!given.has(field.name) || field.secret) continue;
    const value = valueOf(field, given.get(field.name));
    if (value !== undefined) control.set(value);
  }
}

function valueOf(field, text) {
  if (field.kind === "text" || field.kind === "file") return text;
  if (field.kind === "choice") return field.choices.find((choice) => String(choice) === text);
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function linkTo(input, rows) {
  const pairs = new URLSearchParams();
  for (const { field } of rows) {
    const value = input[field.name];
    const tooLong = typeof value === "string" && value.startsWith("data:");
    if (value === undefined || field.secret || tooLong || JSON.stringify(value).includes('"data:')) continue;
    pairs.set(field.name, typeof value === "string" ? value : JSON.stringify(value));
  }
  return `${location.origin}${location.pathname}#${pairs}`;
}
