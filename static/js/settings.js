"use strict";
(() => {
  // The whole page wears the chosen colour at once; the server keeps it readable.
  const sheet = document.querySelector("link[data-theme-preview]");
  const colour = document.getElementById("id_colour");
  let waiting;
  colour.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      sheet.href = `${sheet.dataset.themePreview}?colour=${encodeURIComponent(colour.value)}`;
    }, 150);
  });
})();
