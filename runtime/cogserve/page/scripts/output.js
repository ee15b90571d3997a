// What a model gives, shown as what it is: text, pictures, sound, film, files, or JSON.

const MEDIA = /^data:([a-z]+\/[a-z0-9.+-]+)[;,]/i;
const BY_SUFFIX = {
  png: "image", jpg: "image", jpeg: "image", gif: "image", webp: "image", avif: "image", svg: "image", bmp: "image",
  mp3: "audio", wav: "audio", ogg: "audio", flac: "audio", m4a: "audio",
  mp4: "video", webm: "video", mov: "video", mkv: "video",
};

function isFile(value) {
  return typeof value === "string" && (MEDIA.test(value) || /^https?:\/\/\S+$/i.test(value));
}

function mediaKind(value) {
  const type = MEDIA.exec(value);
  if (type) return type[1].split("/")[0].toLowerCase();
  if (!/^https:/i.test(value)) return ""; // The page's policy allows no other address to be looked at.
  const path = value.split(/[?#]/)[0];
  return BY_SUFFIX[path.split(".").pop().toLowerCase()] || "";
}

// A picture, player or link for a file that is a data URI or an address.
function mediaElement(value, name) {
  if (!isFile(value)) return element("p", { class: "output-text" }, value);
  const kind = mediaKind(value);
  const link = element("a", { href: value, download: downloadName(value, name), rel: "noreferrer" }, value.startsWith("data:") ? `Download ${name}` : value);
  let view = null;
  if (kind === "image") view = element("img", { src: value, alt: name });
  if (kind === "audio") view = element("audio", { src: value, controls: true, "aria-label": name });
  if (kind === "video") view = element("video", { src: value, controls: true, "aria-label": name });
  return element("figure", {}, view, element("figcaption", {}, link));
}

function downloadName(value, name) {
  const type = MEDIA.exec(value);
  if (!type) return "";
  const known = { jpeg: "jpg", "svg+xml": "svg", plain: "txt", mpeg: "mp3", "x-wav": "wav", "octet-stream": "bin" };
  const suffix = type[1].split("/")[1].toLowerCase();
  return /\.[a-z0-9]+$/i.test(name) ? name : `${name}.${known[suffix] || suffix.replace(/[^a-z0-9]/g, "")}`;
}

function elementFor(value, name) {
  if (typeof value === "string") return isFile(value) ? mediaElement(value, name) : element("p", { class: "output-text" }, value);
  if (Array.isArray(value) && value.some(holdsFile)) {
    return element("div", {}, ...value.map((part, index) => elementFor(part, `${name}-${index}`)));
  }
  if (value !== null && typeof value === "object" && holdsFile(value)) {
    const parts = Object.entries(value).flatMap(([key, part]) => [element("dt", {}, key), element("dd", {}, elementFor(part, key))]);
    return element("dl", {}, ...parts);
  }
  return element("pre", { tabindex: "0", "aria-label": name }, JSON.stringify(value, null, 2));
}

function holdsFile(value) {
  if (isFile(value)) return true;
  return value !== null && typeof value === "object" && Object.values(value).some(holdsFile);
}

// Shows an output as it grows. What is there stays as it is, so that a film goes on playing.
function outputView(place, concatenate) {
  let shown = [];
  let text = null;
  return {
    clear: () => {
      shown = [];
      text = null;
      place.replaceChildren();
    },
    show: (output) => {
      if (output === undefined || output === null) return;
      if (concatenate && Array.isArray(output)) {
        if (!text) {
          text = element("p", { class: "output-text", "aria-live": "off" });
          place.replaceChildren(text);
        }
        text.textContent = output.join("");
        return;
      }
      const parts = Array.isArray(output) && (output.some(holdsFile) || output.every((part) => typeof part === "string")) ? output : [output];
      const kept = shown.every((part, index) => index < parts.length && part === JSON.stringify(parts[index]));
      if (!kept) {
        place.replaceChildren();
        shown = [];
      }
      for (const part of parts.slice(shown.length)) {
        place.append(elementFor(part, parts.length > 1 || Array.isArray(output) ? `output-${shown.length}` : "output"));
        shown.push(JSON.stringify(part));
      }
    },
  };
}

function metricText(value) {
  if (typeof value === "string") return value;
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : JSON.stringify(value);
}

function showMetrics(place, metrics) {
  const rows = [];
  (function add(prefix, value) {
    if (value !== null && typeof value === "object" && !Array.isArray(value)) {
      for (const [key, part] of Object.entries(value)) add(prefix ? `${prefix}.${key}` : key, part);
    } else {
      rows.push(element("dt", {}, prefix), element("dd", {}, metricText(value)));
    }
  })("", metrics);
  place.replaceChildren(...rows);
}
