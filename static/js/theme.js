// Blocks rendering on purpose: the look is set before anything is drawn, and what follows is looked after.
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
  // A script or a style that did not arrive is asked for again: the page is to be whole without a reload.
  addEventListener("error", ({ target }) => {
    if (!target.matches?.("script[src], link[rel=stylesheet]")) return;
    const times = Number(target.dataset.times ?? 0);
    if (times === 10) return;
    const again = document.createElement(target.localName);
    for (const { name, value } of target.attributes) again.setAttribute(name, value);
    Object.assign(again, { async: false }).dataset.times = times + 1;
    setTimeout(() => target.replaceWith(again), Math.min(500 * 2 ** times, 8000));
  }, true);
  root.classList.add("js");
  try { root.classList.toggle("camera-allowed", localStorage.getItem("camera") === "granted"); } catch { /* nothing kept */ }
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
