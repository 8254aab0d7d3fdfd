"use strict";
// The window's page: a countdown from the server's remaining seconds, and what comes after it.
(() => {
  const SPOKEN = [120, 60, 30, 10];
  let endsAt = 0;
  let spoken = Infinity;
  let idle = null; // a busy button and what it says when it is not

  const panel = () => document.querySelector("[data-window]");
  const isRunning = () => ["waiting", "pressed"].includes(panel()?.dataset.state);

  function say(text) {
    document.querySelector("[data-window-said]").textContent = text;
  }

  function start(seconds = panel().dataset.seconds) {
    endsAt = performance.now() + 1000 * Number(seconds);
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
      setTimeout(handoverLive.refresh, 300);
    }
  }

  function arrived() {
    start();
    spoken = Infinity;
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

  // Looked at again, and nothing to show but the time, which may have stood still while the phone slept.
  document.addEventListener("live:same", ({ detail }) => {
    const [, seconds] = /data-seconds="(\d+)"/.exec(detail);
    if (endsAt !== Infinity) start(seconds);
  });
  document.addEventListener("live:hearing", ({ detail: hears }) => { if (hears && panel().dataset.state === "waiting") say("The site hears devices again."); });
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
  start();
  tick();
  setInterval(tick, 250);
})();
