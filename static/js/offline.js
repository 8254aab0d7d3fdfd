"use strict";
// The address is still that of the page that could not be reached: loading again is trying again.
const status = document.querySelector("[data-retry-status]");
const retry = () => location.reload();

document.querySelector("[data-retry]").addEventListener("click", (event) => {
  event.preventDefault();
  retry();
});
addEventListener("online", retry);

async function look() {
  status.textContent = "Looking for a connection…";
  try {
    await fetch("/offline/", { cache: "no-store" });
    retry();
  } catch {
    status.textContent = "Still no connection. Looking again every 10 seconds.";
    setTimeout(look, 10000);
  }
}
setTimeout(look, 5000);
