// The request of the form as code. Files are read from where they were chosen, and secrets from variables:
// neither is ever written out.

const LANGUAGES = [
  ["curl", curlSnippet],
  ["Python", pythonSnippet],
  ["JavaScript", javascriptSnippet],
  ["cog run", cogSnippet],
];

// A value that stands for something else in code.
class Placeholder {
  constructor(kind, name, type) {
    this.kind = kind; // "file" or "secret"
    this.name = name;
    this.type = type; // of a file: image/png
  }
}

function filePlaceholder(name, dataUri) {
  return new Placeholder("file", name, /^data:([^;,]*)/.exec(dataUri)[1] || "application/octet-stream");
}

function variableName(name) {
  return name.toUpperCase().replace(/[^A-Z0-9_]/g, "_").replace(/^(\d)/, "_$1");
}

function withPlaceholders(input, rows) {
  const result = Object.create(null);
  for (const { field, control } of rows) {
    if (!Object.hasOwn(input, field.name)) continue;
    const value = input[field.name];
    const fileName = control.fileName && control.fileName();
    if (field.secret) result[field.name] = new Placeholder("secret", variableName(field.name));
    else if (fileName) result[field.name] = filePlaceholder(fileName, value);
    else if (control.fileNames) {
      const names = control.fileNames();
      result[field.name] = value.map((part, index) => (names[index] ? filePlaceholder(names[index], part) : part));
    } else result[field.name] = value;
  }
  return result;
}

// JSON with placeholders written by `written`.
function jsonWith(value, written, indent = "") {
  if (value instanceof Placeholder) return written(value);
  const inner = `${indent}  `;
  if (Array.isArray(value) && value.some((part) => part instanceof Placeholder)) {
    return `[${value.map((part) => jsonWith(part, written, inner)).join(", ")}]`;
  }
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    const entries = Object.entries(value);
    if (!entries.length) return "{}";
    const lines = entries.map(([key, part]) => `${inner}${JSON.stringify(key)}: ${jsonWith(part, written, inner)}`);
    return `{\n${lines.join(",\n")}\n${indent}}`;
  }
  return JSON.stringify(value);
}

function quotedForShell(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function curlSnippet(url, input) {
  // Placeholders leave the single quotes of the shell and come back.
  const marks = [];
  const json = jsonWith({ input }, (placeholder) => {
    marks.push(placeholder);
    return `"\u0000${marks.length - 1}\u0000"`;
  });
  const body = quotedForShell(json).replace(/\u0000(\d+)\u0000/g, (_, index) => {
    const { kind, name, type } = marks[Number(index)];
    return kind === "secret" ? `'"$${name}"'` : `data:${type};base64,'"$(base64 < ${quotedForShell(name)} | tr -d '\\n')"'`;
  });
  return `curl ${quotedForShell(url)} \\\n  -H 'Content-Type: application/json' \\\n  -d ${body}`;
}

function pythonSnippet(url, input) {
  const used = new Set();
  const literal = (value, indent = "") => {
    if (value instanceof Placeholder) {
      used.add(value.kind);
      return value.kind === "secret" ? `os.environ[${JSON.stringify(value.name)}]` : `data_uri(${JSON.stringify(value.name)}, ${JSON.stringify(value.type)})`;
    }
    if (value === null) return "None";
    if (value === true) return "True";
    if (value === false) return "False";
    const inner = `${indent}    `;
    if (Array.isArray(value)) return `[${value.map((part) => literal(part, inner)).join(", ")}]`;
    if (typeof value === "object") {
      const lines = Object.entries(value).map(([key, part]) => `${inner}${JSON.stringify(key)}: ${literal(part, inner)},\n`);
      return lines.length ? `{\n${lines.join("")}${indent}}` : "{}";
    }
    return JSON.stringify(value);
  };
  const body = literal({ input });
  const files = used.has("file");
  const imports = [...(files ? ["base64"] : []), ...(used.has("secret") ? ["os"] : [])];
  const helper = [
    "def data_uri(path, media_type):",
    '    with open(path, "rb") as file:',
    '        return f"data:{media_type};base64,{base64.b64encode(file.read()).decode()}"',
  ];
  return [
    ...imports.map((name) => `import ${name}`),
    ...(imports.length ? [""] : []),
    "import requests",
    "",
    ...(files ? ["", ...helper, "", ""] : []),
    `answer = requests.post(${JSON.stringify(url)}, json=${body})`,
    "answer.raise_for_status()",
    'print(answer.json()["output"])',
  ].join("\n");
}

function javascriptSnippet(url, input) {
  let files = false;
  const body = jsonWith({ input }, ({ kind, name, type }) => {
    files = files || kind === "file";
    return kind === "secret" ? `process.env.${name}` : `await dataUri(${JSON.stringify(name)}, ${JSON.stringify(type)})`;
  });
  const helper = [
    'import { readFile } from "node:fs/promises";',
    "",
    "async function dataUri(path, mediaType) {",
    '  return `data:${mediaType};base64,${(await readFile(path)).toString("base64")}`;',
    "}",
    "",
  ];
  return [
    ...(files ? helper : []),
    `const answer = await fetch(${JSON.stringify(url)}, {`,
    '  method: "POST",',
    '  headers: { "Content-Type": "application/json" },',
    `  body: JSON.stringify(${body.replaceAll("\n", "\n  ")}),`,
    "});",
    "console.log((await answer.json()).output);",
  ].join("\n");
}

function cogSnippet(_url, input) {
  const word = (name, value) => {
    if (value instanceof Placeholder) {
      return value.kind === "secret" ? `${quotedForShell(`${name}=`)}"$${value.name}"` : quotedForShell(`${name}=@${value.name}`);
    }
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return quotedForShell(`${name}=${text}`);
  };
  const pairs = Object.entries(input).flatMap(([name, value]) =>
    Array.isArray(value) && value.length ? value.map((part) => word(name, part)) : [word(name, value)],
  );
  if (!pairs.length) return "cog run --json '{}'";
  return `cog run ${pairs.map((pair) => `-i ${pair}`).join(" \\\n  ")}`;
}

// Tabs that show the code of what the form holds at the moment.
function codeView(place, snippet) {
  let current = 0;
  const code = element("pre", { id: "code-panel", role: "tabpanel", tabindex: "0" });
  const tabs = LANGUAGES.map(([name], index) =>
    element("button", { type: "button", role: "tab", id: `code-tab-${index}`, "aria-controls": "code-panel", onclick: () => choose(index) }, name),
  );
  const list = element(
    "div",
    {
      role: "tablist",
      "aria-label": "Language",
      onkeydown: (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        choose((current + step + tabs.length) % tabs.length);
        tabs[current].focus();
      },
    },
    ...tabs,
  );
  const button = element("button", { type: "button", class: "quiet", onclick: () => copy(code.textContent, "Code") }, "Copy");

  function choose(index) {
    current = index;
    tabs.forEach((tab, each) => {
      tab.setAttribute("aria-selected", String(each === index));
      tab.tabIndex = each === index ? 0 : -1;
    });
    code.setAttribute("aria-labelledby", tabs[index].id);
    update();
  }

  function update() {
    code.textContent = snippet(LANGUAGES[current][1]);
  }

  place.replaceChildren(list, code, element("div", { class: "row" }, button));
  choose(0);
  return { update };
}
