"use strict";
// The page of a job: goes on by asking when the stream fails, and shows that a result was taken.
(() => {
  const REFRESH_MS = 4000;
  const SAID = { checked: "The check is done.", done: "Done.", failed: "It failed.", cancelled: "Cancelled." };
  let polling = null;

  const panel = () => document.querySelector("[data-job]");
  const refresh = () => panel() && htmx.trigger(panel(), "refresh");
  const moving = () => ["checking", "waiting", "running"].includes(panel()?.dataset.state);

  document.body.addEventListener("htmx:sseError", () => { polling ||= setInterval(() => moving() && refresh(), REFRESH_MS); });
  document.body.addEventListener("htmx:sseOpen", () => { clearInterval(polling); polling = null; });
  document.body.addEventListener("htmx:afterSwap", () => {
    document.querySelector("[data-job-said]").textContent = SAID[panel()?.dataset.state] || "";
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && moving()) refresh(); });

  // A download leaves the page where it is: its button must not offer again what can be taken once.
  document.addEventListener("submit", ({ target }) => {
    if (!target.matches("[data-once]")) return;
    setTimeout(() => { target.querySelector("button").disabled = true; }, 0);
    setTimeout(refresh, 2500);
  });
})();
