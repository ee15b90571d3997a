// The control of a file: chosen, dropped, pasted, taken with the camera, or named by its address.

function fileControl(field, id, labelledBy) {
  let value; // a data URI or a URL
  let name = "";
  const shown = element("div", { class: "preview" });
  const chooser = element("input", {
    type: "file",
    id,
    accept: field.accept,
    "aria-labelledby": labelledBy,
    onchange: () => chooser.files.length && take(chooser.files[0]),
  });
  const address = element("input", {
    type: "url",
    placeholder: "or an address: https://…",
    "aria-label": `Address of ${field.title}`,
    oninput: () => {
      // At each key: what appears only when the pointer goes down would move the button that it is over.
      value = address.value.trim() || undefined;
      name = "";
      chooser.value = "";
      show();
    },
  });
  const camera = cameraButton(field, (blob) => take(new File([blob], "photo.png", { type: "image/png" })));
  const remove = element(
    "button",
    { type: "button", class: "quiet", hidden: true, "aria-label": `Remove ${field.title}`, onclick: () => set(undefined) },
    "Remove",
  );
  const drop = element(
    "div",
    {
      class: "drop",
      ondragover: (event) => {
        event.preventDefault();
        drop.classList.add("over");
      },
      ondragleave: () => drop.classList.remove("over"),
      ondrop: (event) => {
        event.preventDefault();
        drop.classList.remove("over");
        if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
      },
      onpaste: (event) => pasted(event),
    },
    chooser,
    element("p", { class: "note" }, "Choose a file, drop it here, or paste it."),
    element("div", { class: "row" }, address, camera && camera.button, remove),
    camera && camera.view,
    shown,
  );

  function pasted(event) {
    const file = [...(event.clipboardData ? event.clipboardData.files : [])][0];
    if (!file) return false;
    event.preventDefault();
    take(file);
    return true;
  }

  async function take(file) {
    name = file.name || "file";
    value = await readAsDataUri(file);
    show();
    announce(`${name} is ready`);
    drop.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function set(next) {
    value = typeof next === "string" ? next : undefined;
    name = value && value.startsWith("data:") ? "file" : "";
    chooser.value = "";
    address.value = value && !value.startsWith("data:") ? value : "";
    show();
    drop.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function show() {
    remove.hidden = value === undefined;
    // An address is not fetched from here: the server does that, and tells what is wrong with it.
    const isData = value !== undefined && value.startsWith("data:");
    shown.replaceChildren(...(isData ? [mediaElement(value, name || field.title)] : []));
  }

  return {
    element: drop,
    focus: () => chooser.focus(),
    pasted,
    empty: () => value === undefined,
    get: () => value,
    set,
    // How the file is named in code: the data itself would be unreadable.
    fileName: () => (value && value.startsWith("data:") ? name || "file" : undefined),
    takeFile: take,
    invalid: (is) => chooser.setAttribute("aria-invalid", String(is)),
    describedBy: (ids) => chooser.setAttribute("aria-describedby", ids),
  };
}

function cameraButton(field, taken) {
  const forImages = !field.accept || /image/.test(field.accept);
  if (!forImages || !navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) return null;
  let stream;
  const view = element("div", { hidden: true });
  const button = element("button", { type: "button", class: "quiet", onclick: open }, "Camera");

  async function open() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: true });
    } catch (error) {
      announce("The camera cannot be used");
      view.replaceChildren(element("p", { class: "error" }, `The camera cannot be used: ${error.message}`));
      view.hidden = false;
      return;
    }
    const video = element("video", { autoplay: true, playsinline: true, srcObject: stream, "aria-label": "Camera" });
    video.muted = true;
    const take = element("button", { type: "button", onclick: () => shoot(video) }, "Take the picture");
    const stop = element("button", { type: "button", class: "quiet", onclick: close }, "Close the camera");
    view.replaceChildren(video, element("div", { class: "row" }, take, stop));
    view.hidden = false;
    take.focus();
  }

  function shoot(video) {
    const canvas = element("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((blob) => blob && taken(blob), "image/png");
    close();
  }

  function close() {
    for (const track of stream.getTracks()) track.stop();
    view.hidden = true;
    view.replaceChildren();
    button.focus();
  }

  return { button, view };
}
