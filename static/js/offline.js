"use strict";
// The address is still that of the page that could not be reached: loading again is trying again.
try { document.querySelector("[data-kept]").hidden = !sessionStorage.getItem(`finish:${location.pathname}`); } catch { /* nothing is kept */ }
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
    await fetch("/offline/", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    retry();
  } catch {
    status.textContent = "Still no connection. Looking again every 3 seconds.";
    setTimeout(look, 3000);
  }
}
setTimeout(look, 2000);
