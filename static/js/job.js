"use strict";
// The page of a job: says how it ended, and shows that a result was taken.
(() => {
  const SAID = { checked: "The check is done.", done: "Done.", failed: "It failed.", cancelled: "Cancelled." };

  const panel = () => document.querySelector("[data-job]");

  document.body.addEventListener("htmx:afterSwap", () => {
    document.querySelector("[data-job-said]").textContent = SAID[panel()?.dataset.state] || "";
  });

  // A download leaves the page where it is: its button must not offer again what can be taken once.
  document.addEventListener("submit", ({ target }) => {
    if (!target.matches("[data-once]")) return;
    setTimeout(() => { target.querySelector("button").disabled = true; }, 0);
    setTimeout(handoverLive.refresh, 2500);
  });
})();
