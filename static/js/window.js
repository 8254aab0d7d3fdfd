"use strict";
// The window's page: a countdown from the server's remaining seconds, and what comes after it.
(() => {
  const SPOKEN = [120, 60, 30, 10];
  const DRIFT_MS = 2000;
  const STALE = 5; // seconds after which what was said of the time is taken back
  const REFLECT_MS = 1500; // in which somebody may write on, before the form is sent once more
  let endsAt = 0;
  let spoken = Infinity;
  let idle = null; // a busy button and what it says when it is not
  let unsent = false; // the form was sent, and no answer came
  let sendSoon = 0;
  let over = false; // the time is up by this clock
  let sent = null; // what a form of this page asked: its answer says more than the stream, which may be faster

  const panel = () => document.querySelector("[data-window]");
  const isRunning = () => ["waiting", "pressed"].includes(panel()?.dataset.state);

  function say(text) {
    document.querySelector("[data-window-said]").textContent = text;
  }

  // What was said of the time, once it is no longer so.
  function hush(left) {
    const [, told] = /^(\d+) seconds left$/.exec(document.querySelector("[data-window-said]").textContent) ?? [];
    if (told - left >= STALE) say("");
  }

  function start(seconds = panel().dataset.seconds) {
    endsAt = performance.now() + 1000 * Number(seconds);
    over = false;
  }

  function show(left) {
    const time = panel().querySelector("[data-window-time]");
    time.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    panel().querySelector("[data-window-bar]").value = left;
    panel().classList.toggle("window-short", left <= 60);
    const mark = SPOKEN.findLast((seconds) => left <= seconds);
    hush(left);
    if (left && mark && mark < spoken) {
      spoken = mark;
      say(`${left} seconds left`);
    }
  }

  function tick() {
    if (!isRunning()) return;
    const left = Math.max(0, Math.ceil((endsAt - performance.now()) / 1000));
    show(left);
    if (left || over) return;
    over = true; // ask once; the server's clock has the last word
    say("The time is up.");
    if (unsent) tellOver();
    setTimeout(handoverLive.refresh, 300);
  }

  function tellOver() {
    handoverTell("The time is up, and no answer came. When the signal is back, this page says what became of it. What you filled in is kept.", "signal");
  }

  // A code that is being typed, and a QR code that was opened, stay as they are when something else on the page changes.
  const code = () => panel().querySelector(".proof-form input[name=code]");
  const more = () => panel().querySelector(".challenge details");
  let held = null;
  document.addEventListener("live:swapping", (event) => {
    if (sent) {
      event.preventDefault();
      return;
    }
    const field = code();
    const focused = field !== null && field === document.activeElement;
    held = { value: field?.value, at: focused ? [field.selectionStart, field.selectionEnd] : null, open: more()?.open };
  });

  function restore() {
    const { value, at, open } = held ?? {};
    held = null;
    if (more() && open) more().open = true;
    const field = code();
    if (!field || !value && !at) return;
    field.value = value;
    if (!at) return;
    field.focus();
    field.setSelectionRange(...at);
  }

  function arrived() {
    restore();
    start();
    spoken = Infinity;
    resume(fill());
    tick();
    if (!isRunning()) say("");
    if (panel().dataset.state !== "pressed") {
      panel().querySelector(".is-invalid")?.focus();
      return;
    }
    const wrong = panel().querySelector(".is-invalid");
    if (wrong) {
      wrong.focus();
      return;
    }
    navigator.vibrate?.(80);
    const proven = panel().querySelector("[data-proven]").textContent;
    say(`${proven[0].toUpperCase()}${proven.slice(1)}. Name the device and choose its group.`);
    panel().querySelector("[data-picker] [type=radio], #id_group, select")?.focus();
  }

  // Looked at again, and nothing to show but the time, which may have stood still while the phone slept.
  document.addEventListener("live:same", ({ detail }) => {
    const [, seconds] = /data-seconds="(\d+)"/.exec(detail);
    const off = Math.abs(endsAt - performance.now() - 1000 * seconds); // whole seconds, and the way here
    if (over ? Number(seconds) : off > DRIFT_MS) start(seconds);
  });
  document.addEventListener("live:hearing", ({ detail: hears }) => { if (hears && panel().dataset.state === "waiting") say("The site hears devices again."); });
  document.body.addEventListener("submit", (event) => {
    if (event.target === form()) mark(true);
    const button = event.target.querySelector("[data-busy]");
    if (!button) return;
    idle = [button, button.innerHTML];
    button.textContent = button.dataset.busy;
  });
  // No signal: the form stays as it was filled in, and says so (app.js); its button is ready again. It is sent once more
  // when the site answers, unless somebody goes on writing. One that had arrived all the same counts once.
  const form = () => panel().querySelector(".window-form");
  document.body.addEventListener("htmx:beforeSend", ({ detail }) => { if (panel().contains(detail.elt)) sent = detail.xhr; });
  document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.xhr === sent && !detail.xhr.getResponseHeader("HX-Redirect")) sent = null;
  });
  document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.successful || !idle) return;
    [idle[0].innerHTML, idle] = [idle[1], null];
  });
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, ({ detail }) => {
      if (detail.elt !== form()) return;
      wait(true);
      if (over) tellOver(); // instead of what app.js says, who comes first: that it is sent by itself
    });
  }
  for (const name of ["live:answered", "live:heard"]) {
    document.addEventListener(name, () => { if (unsent) sendSoon ||= setTimeout(sendAgain, REFLECT_MS); });
  }

  function sendAgain() {
    sendSoon = 0;
    if (!unsent || !form()) return;
    unsent = false;
    form().requestSubmit();
  }

  // A Finish that waits for its answer does so beyond a reload of the page.
  const waiting = () => `finish:${location.pathname}`;
  const isMarked = () => { try { return Boolean(sessionStorage.getItem(waiting())); } catch { return false; } };

  function mark(yes) {
    try {
      if (!yes) return sessionStorage.removeItem(waiting());
      keep();
      sessionStorage.setItem(waiting(), "1");
    } catch { /* private mode: this page only */ }
  }

  function wait(yes) {
    unsent = yes;
    mark(yes);
  }

  // What goes on with a Finish without an answer, on a page that came anew. `whole`: all that was filled in stands in its form.
  function resume(whole) {
    const { state } = panel().dataset;
    if (state === "completed") {
      if (unsent) panel().querySelector("a[data-window-done]")?.click(); // it had arrived
      forget();
    }
    if (!unsent || state === "waiting") return;
    wait(Boolean(form()) && whole);
    if (form() && !whole) handoverTell("It is not sent by itself: not all of it could be kept. Look through the form, and finish when it is right.", "answer");
  }

  // What was typed stays with this tab until it is finished or cancelled: a window that ends may be opened anew.
  const key = () => `typed:${panel().dataset.typed}`;
  const typed = () => {
    try { return JSON.parse(sessionStorage.getItem(key())) ?? []; } catch { return []; }
  };
  const forget = () => {
    wait(false);
    try { sessionStorage.removeItem(key()); } catch { /* nothing kept */ }
  };

  function keep() {
    const fields = [...new FormData(form())].filter(([name]) => name !== "csrfmiddlewaretoken");
    try { sessionStorage.setItem(key(), JSON.stringify(fields)); } catch { /* private mode: this page only */ }
  }

  function fill() {
    const kept = typed();
    const end = panel().querySelector("[data-window-kept]");
    if (end) end.hidden = kept.length === 0;
    if (!form() || form().querySelector(".is-invalid")) return false;
    let whole = kept.length > 0;
    for (const [name, value] of kept) {
      const field = form().elements[name];
      const fits = field?.options ? [...field.options].some((option) => option.value === value) : Boolean(field);
      if (fits) field.value = value;
      whole &&= fits;
    }
    return whole;
  }

  for (const name of ["input", "change"]) {
    document.body.addEventListener(name, ({ target }) => {
      if (!form()?.contains(target)) return;
      keep();
      if (!unsent) return;
      wait(false);
      handoverTell("It is not sent by itself any more, since you write on. Finish when it is right.", "answer");
    });
  }
  document.body.addEventListener("submit", ({ target }) => { if (target.matches("[data-window-cancel]")) forget(); });
  document.body.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
    if (detail.elt === form()) wait(false);
    if (detail.xhr.getResponseHeader("HX-Redirect")) forget();
  });
  document.body.addEventListener("htmx:afterSwap", () => panel() && arrived());
  start();
  unsent = isMarked();
  resume(fill());
  if (unsent) handoverTell("No answer came when you finished. What you filled in was kept, and is sent by itself now.", "answer");
  tick();
  setInterval(tick, 250);
})();
