// The camera starts by itself where it was allowed before, and nothing else is to be read first.
"use strict";

(async () => {
  const root = document.querySelector("[data-scanner]");
  const wanted = () => root.dataset.state === "idle" && !root.querySelector("[name=text]").value && !document.hidden;
  if (!root || !wanted()) return;
  try {
    const camera = await navigator.permissions.query({ name: "camera" });
    const keep = () => localStorage.setItem("camera", camera.state); // the next page has room for the picture (theme.js)
    camera.addEventListener("change", keep);
    keep();
    if (camera.state === "granted" && wanted()) root.querySelector("[data-scan-start]").click();
  } catch {
    // a browser that does not say
  }
})();
