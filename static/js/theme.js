// Blocks rendering on purpose: the look is set before anything is drawn.
(() => {
  "use strict";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try { return localStorage.getItem("theme") || "auto"; } catch { return "auto"; }
  };
  const apply = () => {
    const choice = stored();
    const dark = choice === "dark" || (choice === "auto" && system.matches);
    root.dataset.bsTheme = dark ? "dark" : "light";
    document.querySelector('meta[name="theme-color"]')?.setAttribute("content", dark ? "#0d1117" : "#ffffff");
  };
  root.classList.add("js");
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  window.handoverTheme = {
    get: stored,
    set(choice) {
      try { localStorage.setItem("theme", choice); } catch { /* private mode: this page only */ }
      apply();
    },
  };
})();
