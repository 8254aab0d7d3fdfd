"use strict";
// A file dragged onto the page's drop zone; too big a file is refused before it travels; how far its upload is.
(() => {
  const zone = () => document.querySelector("[data-drop]");
  const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
  const size = (bytes) => (bytes < 1048576 ? `${number.format(bytes / 1024)} KB` : `${number.format(bytes / 1048576)} MB`);

  function refuse(text) {
    const error = document.querySelector("[data-drop-error]");
    error.hidden = !text;
    error.querySelector("span").textContent = text;
    zone().classList.toggle("is-invalid", Boolean(text));
    zone().querySelector("input").classList.toggle("is-invalid", Boolean(text));
  }

  function chosen(input) {
    const [file] = input.files;
    zone().classList.toggle("is-chosen", Boolean(file));
    if (!file) return;
    zone().querySelector("[data-drop-said]").textContent = `${file.name}, ${size(file.size)}`;
    const most = Number(zone().dataset.max);
    refuse(file.size > most ? `This file has ${size(file.size)}; ${size(most)} is the most. Split it into parts.` : "");
  }

  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      if (!zone() || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault(); // beside the zone too: the browser would leave the page and open the file
      const inside = zone().contains(event.target);
      zone().classList.toggle("is-over", inside && kind !== "drop" && kind !== "dragleave");
      if (kind !== "drop" || !inside) return;
      const input = zone().querySelector("input");
      input.files = event.dataTransfer.files;
      chosen(input);
    });
  }

  document.addEventListener("change", ({ target }) => { if (target.closest("[data-drop]")) chosen(target); });

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!event.detail.elt.matches("[data-upload]")) return;
    const [file] = zone().querySelector("input").files;
    if (file && file.size > Number(zone().dataset.max)) event.preventDefault();
  });
  document.addEventListener("htmx:xhr:progress", ({ target, detail }) => {
    const bar = target.querySelector?.("[data-drop-progress]");
    if (!bar || !detail.lengthComputable) return;
    bar.hidden = false;
    bar.value = detail.loaded / detail.total;
    const button = target.querySelector("[data-drop-send]");
    button.disabled = true;
    button.textContent = detail.loaded < detail.total ? "Uploading…" : "Reading it…";
  });
  for (const failed of ["htmx:sendError", "htmx:responseError", "htmx:timeout", "htmx:sendAbort"]) {
    document.addEventListener(failed, ({ target }) => {
      const button = target.querySelector?.("[data-drop-send]");
      if (!button) return;
      target.querySelector("[data-drop-progress]").hidden = true;
      button.disabled = false;
      button.textContent = "Upload again";
    });
  }
})();
