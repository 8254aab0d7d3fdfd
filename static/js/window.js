"use strict";
// The window's page: a countdown from the server's remaining seconds, and a way on when the stream fails.
(() => {
  const REFRESH_MS = 5000;
  const SPOKEN = [120, 60, 30, 10];
  let endsAt = 0;
  let spoken = Infinity;
  let polling = null;
  let failures = 0;
  let idle = null; // a busy button and what it says when it is not

  const panel = () => document.querySelector("[data-window]");
  const refresh = () => htmx.trigger(panel(), "refresh");
  const isRunning = () => ["waiting", "pressed"].includes(panel()?.dataset.state);

  function say(text) {
    document.querySelector("[data-window-said]").textContent = text;
  }

  function start() {
    endsAt = performance.now() + 1000 * Number(panel().dataset.seconds);
    spoken = Infinity;
  }

  function show(left) {
    const time = panel().querySelector("[data-window-time]");
    time.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    panel().querySelector("[data-window-bar]").value = left;
    panel().classList.toggle("window-short", left <= 60);
    const mark = SPOKEN.findLast((seconds) => left <= seconds);
    if (mark && mark < spoken) {
      spoken = mark;
      say(`${left} seconds left`);
    }
  }

  function tick() {
    if (!isRunning()) return;
    const left = Math.max(0, Math.ceil((endsAt - performance.now()) / 1000));
    show(left);
    if (left === 0) {
      endsAt = Infinity; // ask once; the server's clock has the last word
      setTimeout(refresh, 300);
    }
  }

  // The stream's errors come again and again while it is down: one interval for all of them.
  function streamFailed() {
    failures += 1;
    document.querySelector("[data-window-offline]").hidden = failures < 2;
    // While the form is being filled in nothing is fetched over it.
    polling ||= setInterval(() => panel()?.dataset.state === "waiting" && refresh(), REFRESH_MS);
  }

  function streamOpened() {
    failures = 0;
    document.querySelector("[data-window-offline]").hidden = true;
    clearInterval(polling);
    polling = null;
  }

  function arrived() {
    start();
    tick();
    if (panel().dataset.state !== "pressed") return;
    const wrong = panel().querySelector(".is-invalid");
    if (wrong) {
      wrong.focus();
      return;
    }
    navigator.vibrate?.(80);
    say("Button pressed. Name the device and choose its group.");
    panel().querySelector("[data-picker] [type=radio], #id_group, select")?.focus();
  }

  document.body.addEventListener("htmx:sseError", streamFailed);
  document.body.addEventListener("htmx:sseOpen", streamOpened);
  document.body.addEventListener("submit", (event) => {
    const button = event.target.querySelector("[data-busy]");
    if (!button) return;
    idle = [button, button.innerHTML];
    button.textContent = button.dataset.busy;
  });
  // No signal: the form stays as it was filled in, and says so (app.js); its button is ready again.
  document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.successful || !idle) return;
    [idle[0].innerHTML, idle] = [idle[1], null];
  });
  document.body.addEventListener("htmx:afterSwap", () => panel() && arrived());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && panel()?.dataset.state === "waiting") refresh();
  });
  start();
  tick();
  setInterval(tick, 250);
})();
