"use strict";
// Selecting devices over pages and searches. The server is told serials, or the list's query and what is left out.
(() => {
  const KEY = "devices-selected";
  const MOST = 5000;
  // What was selected is done with.
  if (document.getElementById("action")) sessionStorage.removeItem(KEY);
  const form = document.getElementById("selection");
  if (!form) return;
  const part = (name) => form.querySelector(`[data-selection="${name}"]`);
  const list = () => document.getElementById("devices");
  const boxes = () => [...document.querySelectorAll("[data-pick]")];
  const selecting = () => Boolean(document.querySelector(".is-selecting"));
  const state = load();

  function load() {
    let kept = {};
    try { kept = JSON.parse(sessionStorage.getItem(KEY)) || {}; } catch { /* nothing kept */ }
    return { whole: kept.whole ?? null, chosen: new Set(kept.chosen), left: new Set(kept.left) };
  }

  function save() {
    const kept = { whole: state.whole, chosen: [...state.chosen], left: [...state.left] };
    try { sessionStorage.setItem(KEY, JSON.stringify(kept)); } catch { /* private mode: this page only */ }
  }

  // "All that match" is meant for one query: under another nothing is ticked any more.
  function settle() {
    if (state.whole !== null && list().dataset.query !== state.whole) clear();
  }

  function clear() {
    state.whole = null;
    state.chosen.clear();
    state.left.clear();
  }

  const isTicked = (serial) => (state.whole === null ? state.chosen.has(serial) : !state.left.has(serial));

  function tick(serial, on) {
    const [set, inside] = state.whole === null ? [state.chosen, on] : [state.left, !on];
    if (inside) set.add(serial); else set.delete(serial);
  }

  function words() {
    if (state.whole === null) return state.chosen.size ? `${state.chosen.size.toLocaleString()} selected` : "Nothing selected";
    const left = state.left.size ? `, less ${state.left.size.toLocaleString()}` : "";
    return `All ${list().dataset.count} that match${left}`;
  }

  function show() {
    settle();
    for (const box of boxes()) box.checked = isTicked(box.value);
    const some = state.whole !== null || state.chosen.size > 0;
    const page = document.querySelector("[data-pick-page]");
    if (page) {
      const ticked = boxes().filter((box) => box.checked).length;
      const box = page.querySelector("input");
      page.hidden = boxes().length === 0;
      box.checked = ticked > 0 && ticked === boxes().length;
      box.indeterminate = ticked > 0 && !box.checked;
    }
    form.classList.toggle("is-open", some || selecting());
    if (part("words").textContent !== words()) part("words").textContent = words();
    part("buttons").hidden = false;
    part("all").hidden = state.whole !== null || boxes().length === 0;
    part("all").textContent = `Select all ${list().dataset.count} that match`;
    part("clear").hidden = !some;
    part("go").disabled = !some || state.chosen.size > MOST;
    part("go").value = state.whole === null ? "ticked" : "all";
    part("query").value = state.whole ?? list().dataset.query;
    part("chosen").value = [...state.chosen].join(" ");
    part("left_out").value = [...state.left].join(" ");
    save();
  }

  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-pick]")) tick(target.value, target.checked);
    else if (target.closest("[data-pick-page]")) for (const box of boxes()) tick(box.value, target.checked);
    else return;
    show();
  });
  part("all").addEventListener("click", () => {
    clear();
    state.whole = list().dataset.query;
    show();
    part("go").focus();
  });
  part("clear").addEventListener("click", () => {
    clear();
    show();
    (boxes()[0] ?? list()).focus();
  });
  // Ticks travel in `chosen`: those of other pages with them, and in the order in which they were made.
  form.addEventListener("formdata", ({ formData }) => formData.delete("serial"));
  document.addEventListener("htmx:afterSettle", show);
  window.addEventListener("pageshow", show);
  show();
})();
