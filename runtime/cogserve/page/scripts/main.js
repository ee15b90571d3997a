// The page: one form, one prediction at a time.

async function start() {
  watchHealth();
  showAbout();
  let model;
  let form;
  try {
    const response = await fetch("openapi.json");
    await requireOk(response);
    model = modelOf(await response.json());
    form = formFor(model.fields, byId("fields"));
  } catch (error) {
    byId("fields").replaceChildren(element("p", { class: "error" }, `The inputs are not known: ${error.message}`));
    return;
  }
  fromLink(form);
  const view = outputView(byId("output"), model.concatenate);
  const runs = historyView(model.fields, (entry) => {
    form.set(entry.input);
    code.update();
    view.clear();
    show(entry.state, view);
    announce("An earlier prediction is shown");
  });
  const url = new URL(model.route, location.href).href;
  const code = codeView(byId("code"), (write) => write(url, withPlaceholders(form.peek(), form.rows)));
  connect(model, form, view, runs, code);
}

function connect(model, form, view, runs, code) {
  const whole = byId("form");
  let running = null;

  async function run() {
    if (running) return;
    byId("form-error").textContent = "";
    let input;
    try {
      input = form.get();
    } catch (error) {
      if (!(error instanceof Mistake)) throw error;
      byId("form-error").textContent = error.message;
      return;
    }
    running = newId();
    busy(true);
    view.clear();
    show({ status: "starting" }, view);
    try {
      const state = await runPrediction(model, running, input, (news) => show(news, view));
      show(state, view);
      runs.add(input, state);
    } catch (error) {
      const rest = error.detail ? form.showServerMistakes(error.detail) : [error.message];
      show({ status: "failed", error: rest.join("\n") || "The server refused the input; see the fields." }, view);
    } finally {
      running = null;
      busy(false);
    }
  }

  function busy(is) {
    byId("run").disabled = is;
    byId("run").textContent = is ? "Running…" : "Run";
    byId("cancel").hidden = !is;
    byId("output").setAttribute("aria-busy", String(is));
    if (!is && document.activeElement === document.body) byId("run").focus();
  }

  async function cancel() {
    if (!running) return;
    announce("Cancelling");
    try {
      await cancelPrediction(model, running);
    } catch {
      // Whoever follows the prediction reports that the server is gone.
    }
  }

  whole.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  whole.addEventListener("input", code.update);
  whole.addEventListener("change", code.update);
  byId("cancel").addEventListener("click", cancel);
  byId("reset").addEventListener("click", () => {
    form.reset();
    byId("form-error").textContent = "";
    code.update();
    announce("The inputs are reset");
  });
  byId("link").addEventListener("click", () => copy(linkTo(form.peek(), form.rows), "Link"));
  window.addEventListener("hashchange", () => {
    fromLink(form);
    code.update();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run();
    }
    if (event.key === "Escape" && running) cancel();
  });
  document.addEventListener("paste", (event) => {
    if (event.defaultPrevented || /^(INPUT|TEXTAREA)$/.test(event.target.tagName)) return;
    const free = form.rows.find(({ control }) => control.pasted && control.empty());
    if (free) free.control.pasted(event);
  });
}

const STATUS_WORDS = { starting: "Waiting", processing: "Running", succeeded: "Succeeded", failed: "Failed", canceled: "Canceled" };

function show(state, view) {
  const words = (STATUS_WORDS[state.status] || String(state.status)) + duration((state.metrics || {}).predict_time);
  if (byId("status").textContent !== words) byId("status").textContent = words;
  byId("status").dataset.status = state.status;
  byId("status").className = "state";
  byId("error").textContent = state.error || "";
  view.show(state.output);
  const finished = state.output !== undefined && state.output !== null && state.status !== "processing";
  byId("raw-part").hidden = !finished;
  byId("raw").textContent = finished ? shortened(state.output) : "";
  const logs = byId("logs");
  const atEnd = logs.scrollTop + logs.clientHeight >= logs.scrollHeight - 8;
  byId("logs-part").hidden = !state.logs;
  logs.textContent = plain(state.logs || "");
  if (atEnd) logs.scrollTop = logs.scrollHeight;
  byId("metrics-part").hidden = !state.metrics || !Object.keys(state.metrics).length;
  showMetrics(byId("metrics"), state.metrics || {});
}

function duration(seconds) {
  if (typeof seconds !== "number") return "";
  return seconds < 1 ? ` in ${Math.ceil(seconds * 1000)} ms` : ` in ${seconds.toFixed(1)} s`;
}

// Data URIs of megabytes would make the page slow.
function shortened(value) {
  return JSON.stringify(value, (_, part) => (typeof part === "string" && part.length > 2000 && part.startsWith("data:") ? `${part.slice(0, 80)}…` : part), 2);
}

// Without the colours of terminals, and with only the last state of a progress bar's line.
function plain(text) {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, "").replace(/[^\n]*\r(?!\n)/g, "");
}

start();
