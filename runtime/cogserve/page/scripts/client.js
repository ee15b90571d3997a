// Asking the server: a prediction that is followed by its events, or by asking how it is.

const POLL_FIRST = 150;
const POLL_LAST = 1000;

class Refused extends Error {
  constructor(message, detail) {
    super(message);
    this.detail = detail;
  }
}

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page_${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

async function bodyOf(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return { error: text.slice(0, 500) };
  }
}

async function requireOk(response) {
  if (response.ok) return;
  const body = await bodyOf(response);
  const reason = typeof body.error === "string" && body.error ? body.error : `The server answered ${response.status}.`;
  throw new Refused(Array.isArray(body.detail) ? "" : reason, Array.isArray(body.detail) ? body.detail : undefined);
}

// Runs a prediction and calls `changed` with its state at each news; returns its last state.
async function runPrediction(model, id, input, changed) {
  const address = `${model.route}/${id}`;
  const state = { id, status: "starting", logs: "", metrics: {} };
  const ask = (headers) =>
    fetch(address, {
      method: "PUT",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify({ id, input }),
    });
  if (model.streaming) {
    const response = await ask({ Accept: "text/event-stream" });
    if (response.status !== 406) {
      await requireOk(response);
      if (await followEvents(response.body, state, changed)) return state;
      return followByAsking(address, state, changed);
    }
  }
  const response = await ask({ Prefer: "respond-async" });
  await requireOk(response);
  return followByAsking(address, state, changed);
}

async function cancelPrediction(model, id) {
  await fetch(`${model.route}/${id}/cancel`, { method: "POST" });
}

async function followByAsking(address, state, changed) {
  let pause = POLL_FIRST;
  let failures = 0;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 1.3, POLL_LAST);
    let response;
    try {
      response = await fetch(address, { cache: "no-store" });
      failures = 0;
    } catch (error) {
      failures += 1;
      if (failures > 20) throw error;
      continue;
    }
    await requireOk(response);
    Object.assign(state, await response.json());
    changed(state);
    if (["succeeded", "failed", "canceled"].includes(state.status)) return state;
  }
}

// Returns whether the prediction's end came; if not, the connection broke.
async function followEvents(stream, state, changed) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return false;
      rest += value;
      const events = rest.split(/\r?\n\r?\n/);
      rest = events.pop();
      for (const event of events) if (take(event, state)) {
        changed(state);
        return true;
      }
      changed(state);
    }
  } catch {
    return false;
  }
}

function take(text, state) {
  let name = "message";
  const data = [];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  if (!data.length) return false;
  const body = JSON.parse(data.join("\n"));
  if (name === "start") state.status = "processing";
  if (name === "output") state.output = [...(state.output || []), body.chunk];
  if (name === "log") state.logs += body.data;
  if (name === "metric") state.metrics[body.name] = body.value;
  if (name === "completed") Object.assign(state, body);
  return name === "completed";
}
