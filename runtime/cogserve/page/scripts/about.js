// What runs here: the server's state, and the lock that its image was built from.

const HEALTH_PAUSE = 2000;
const HEALTH_WORDS = {
  STARTING: "The model is starting",
  READY: "Ready",
  BUSY: "Busy: predictions wait for their turn",
  SETUP_FAILED: "The model's setup failed",
  DEFUNCT: "The model does not start any more",
  UNHEALTHY: "The model's health check fails",
  GONE: "The server does not answer",
};

async function watchHealth() {
  const place = byId("health");
  for (;;) {
    let health = { status: "GONE" };
    try {
      health = await (await fetch("health-check", { cache: "no-store" })).json();
    } catch {
      // Said below.
    }
    const status = String(health.status || "GONE");
    if (place.dataset.status !== status || place.dataset.told !== "1") {
      place.dataset.status = status;
      place.dataset.told = "1";
      place.textContent = HEALTH_WORDS[status] || status;
      const logs = ["SETUP_FAILED", "DEFUNCT"].includes(status) && health.setup && health.setup.logs;
      byId("setup-part").hidden = !logs;
      byId("setup").textContent = plain(logs || "");
    }
    await new Promise((resolve) => setTimeout(resolve, HEALTH_PAUSE));
  }
}

async function showAbout() {
  const place = byId("about");
  let body;
  try {
    const response = await fetch("cog/lock");
    if (response.ok) body = await response.json();
  } catch {
    // The same as none.
  }
  if (!body || !body.digest) {
    place.replaceChildren(element("p", { class: "note" }, "This server does not say which lock it was built from."));
    return;
  }
  const parts = [element("dt", {}, "Lock"), element("dd", {}, element("code", {}, body.digest))];
  const sections = [];
  for (const [platform, lock] of Object.entries((body.lock && body.lock.platforms) || {})) {
    const base = lock.base || {};
    const python = lock.python || {};
    parts.push(element("dt", {}, "Platform"), element("dd", {}, platform));
    if (base.reference) parts.push(element("dt", {}, "Base image"), element("dd", {}, `${base.reference}@${base.digest || ""}`));
    if (python.version) parts.push(element("dt", {}, "Python"), element("dd", {}, python.version));
    sections.push(packageTable("Python packages", [...(python.wheels || []), ...(python.sources || [])]));
    sections.push(packageTable("System packages", (lock.apt && lock.apt.packages) || []));
  }
  place.replaceChildren(element("dl", {}, ...parts), ...sections.filter(Boolean));
}

function packageTable(title, packages) {
  if (!packages.length) return null;
  const rows = packages.map((each) =>
    element("tr", {}, element("th", { scope: "row" }, String(each.name)), element("td", {}, String(each.version))),
  );
  return element(
    "details",
    {},
    element("summary", {}, `${title} (${packages.length})`),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, element("table", {}, element("tbody", {}, ...rows))),
  );
}
