// What has been run in this tab. Kept in the session's storage; secrets never, files only while the page is open.

const HISTORY_KEY = "cog-history";
const HISTORY_LENGTH = 20;
const HISTORY_SIZE = 200000;

function historyView(fields, show) {
  let entries = [];
  const list = byId("history");
  const clear = byId("history-clear");
  try {
    entries = JSON.parse(sessionStorage.getItem(HISTORY_KEY) || "[]").filter((entry) => entry && entry.state && entry.input);
  } catch {
    entries = [];
  }

  function draw() {
    byId("history-empty").hidden = entries.length > 0;
    clear.hidden = entries.length === 0;
    list.replaceChildren(
      ...entries.map((entry) =>
        element(
          "li",
          {},
          element(
            "button",
            { type: "button", class: "quiet", onclick: () => show(entry) },
            element("span", { class: "state", "data-status": entry.state.status }, `${entry.state.status}, ${entry.time}`),
            element("br"),
            summaryOf(entry.input),
          ),
        ),
      ),
    );
  }

  function keep() {
    try {
      const small = (value) => JSON.stringify(value).length < HISTORY_SIZE;
      const kept = entries.map((entry) => {
        const input = Object.fromEntries(Object.entries(entry.input).filter(([, value]) => small(value)));
        return { ...entry, input, state: small(entry.state) ? entry.state : { ...entry.state, output: undefined } };
      });
      sessionStorage.setItem(HISTORY_KEY, JSON.stringify(kept));
    } catch {
      // Full or forbidden: the list is then as long as the page is open.
    }
  }

  clear.addEventListener("click", () => {
    entries = [];
    draw();
    keep();
    byId("run").focus();
  });
  draw();
  return {
    add: (input, state) => {
      const secrets = new Set(fields.filter((field) => field.secret).map((field) => field.name));
      const open = Object.fromEntries(Object.entries(input).filter(([name]) => !secrets.has(name)));
      entries = [{ input: open, state: { ...state, input: undefined }, time: new Date().toLocaleTimeString() }, ...entries].slice(0, HISTORY_LENGTH);
      draw();
      keep();
    },
  };
}

function summaryOf(input) {
  const text = Object.entries(input)
    .map(([name, value]) => `${name}: ${typeof value === "string" && value.startsWith("data:") ? "file" : typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
  return text.length > 120 ? `${text.slice(0, 120)}…` : text || "no input";
}
