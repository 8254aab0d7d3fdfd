"use strict";
(() => {
  const all = (selector, within = document) => within.querySelectorAll(selector);

  const LEAST_MS = 3000; // in which a message can be read
  const [SOON_MS, LONGEST_MS] = [1000, 15_000]; // until what was not answered is asked for again

  // What a page asks for by itself does not keep its person signed in.
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.triggeringEvent?.isTrusted) event.detail.headers["X-Background"] = "1";
  });

  // Times: by the reader's own clock, and counting.
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];
  const local = handoverClock.format({ year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short" });

  function age(moment) {
    const seconds = Math.floor((Date.now() - moment) / 1000);
    for (const [size, unit] of UNITS) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
    return "just now";
  }

  function times(within = document) {
    for (const element of all("time[data-time]", within)) {
      const moment = new Date(element.dateTime);
      const full = local.format(moment);
      const shown = element.dataset.time === "ago" ? age(moment) : full;
      if (element.title !== full) element.title = full;
      if (element.textContent !== shown) element.textContent = shown;
    }
  }

  // The look: automatic, light or dark.
  function themes() {
    for (const button of all("[data-theme-switch] [data-theme]")) {
      button.setAttribute("aria-pressed", String(button.dataset.theme === handoverTheme.get()));
    }
  }

  // What went wrong with a request, said once, where screen readers hear it.
  // `until`: what its end is known by, "signal" or "answer"; it goes then.
  function trouble(text, until, near = until === "answer") {
    const [standing] = all(`[data-messages] [data-until="${until}"]`);
    if (!near && standing?.querySelector("p").textContent === text) return; // told once, however often the page tries
    const message = document.querySelector("[data-trouble]").content.firstElementChild.cloneNode(true);
    message.dataset.until = until;
    message.dataset.since = Date.now();
    message.querySelector("p").textContent = text;
    document.querySelector("[data-messages]").replaceChildren(message);
    if (near) message.scrollIntoView({ block: "nearest" });
  }

  // What the page says that was answered instead: its heading, and the first thing that it says of it.
  function said(answer) {
    const page = new DOMParser().parseFromString(answer, "text/html");
    const [heading, words] = ["h1", "h1 ~ p"].map((each) => page.querySelector(each)?.textContent.trim());
    return heading && words ? `${heading}. ${words}` : "The server could not answer. Try again in a moment.";
  }

  function over(until) {
    for (const message of all(`[data-messages] [data-until="${until}"]`)) {
      setTimeout(() => message.remove(), Number(message.dataset.since) + LEAST_MS - Date.now());
    }
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-dismiss], [data-theme-switch] [data-theme], [data-print], [data-copy], [data-toggle]");
    if (target?.matches("[data-dismiss]")) target.closest(".message").remove();
    else if (target?.matches("[data-print]")) print();
    else if (target?.matches("[data-copy]")) copy(target);
    else if (target?.matches("[data-toggle]")) toggle(target);
    else if (target) { handoverTheme.set(target.dataset.theme); themes(); }
    for (const menu of all("[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  function toggle(button) {
    const open = document.getElementById(button.dataset.toggle).classList.toggle("is-open");
    button.setAttribute("aria-expanded", String(open));
  }

  async function copy(button) {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).innerText);
    const words = button.querySelector("span");
    const before = words.textContent;
    words.textContent = "Copied";
    setTimeout(() => { words.textContent = before; }, 2000);
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of all("[data-menu][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // The group tree remembers what was opened and closed.
  const TREE = "groups-open";
  const remembered = () => {
    try { return JSON.parse(localStorage.getItem(TREE)) || {}; } catch { return {}; }
  };

  function restore(within = document) {
    const states = remembered();
    for (const node of all("details[data-node]", within)) {
      if (node.dataset.node in states && !node.hasAttribute("data-current")) node.open = states[node.dataset.node];
    }
  }

  // What this tab kept for its person (typed and ticked, but not yet sent) goes when they sign out.
  document.addEventListener("submit", ({ target }) => {
    try { if (target.matches("[data-signs-out]")) sessionStorage.clear(); } catch { /* nothing was kept */ }
  });

  document.addEventListener("toggle", ({ target }) => {
    if (!target.matches?.("details[data-node]")) return;
    const states = { ...remembered(), [target.dataset.node]: target.open };
    try { localStorage.setItem(TREE, JSON.stringify(states)); } catch { /* private mode: not kept */ }
  }, true);

  // htmx: short addresses, plain words when something fails, the sign-in page as a page.
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.verb !== "get") return;
    for (const [name, value] of [...detail.formData.entries()]) if (value === "") detail.formData.delete(name);
  });
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (!detail.xhr.responseURL.includes("/accounts/login/")) return;
    detail.shouldSwap = false;
    location.reload();
  });
  const unheard = ({ detail }) => {
    const unsent = detail.elt?.closest("[data-unsent]")?.dataset.unsent;
    trouble(unsent ?? "No connection. What you see may be old; it goes on when the signal is back.", "signal", Boolean(unsent));
    soon(detail.elt);
  };
  globalThis.handoverTell = trouble;
  document.addEventListener("htmx:sendError", unheard);
  document.addEventListener("htmx:timeout", unheard);
  // What is fetched once, when it is opened, is closed again if it did not come, and can be opened anew.
  document.addEventListener("htmx:afterRequest", ({ detail: { elt, successful } }) => {
    if (successful || !elt.matches("details[hx-trigger~=once]")) return;
    const closed = elt.cloneNode(true);
    closed.open = false;
    elt.replaceWith(closed);
    htmx.process(closed);
  });
  document.addEventListener("htmx:responseError", ({ detail }) => {
    const known = { 404: "This is no longer here. Reload the page.", 503: "The site can’t reach its database at the moment, and nothing was done. Try again in a few seconds." };
    trouble(known[detail.xhr.status] || said(detail.xhr.responseText), "answer", Boolean(detail.requestConfig.triggeringEvent?.isTrusted));
    if (detail.xhr.status >= 500) soon(detail.elt);
  });
  document.addEventListener("htmx:afterRequest", ({ detail }) => { if (detail.successful) for (const until of ["signal", "answer"]) over(until); });
  document.addEventListener("live:heard", () => over("signal"));
  addEventListener("online", () => over("signal"));
  // What asks now and then asks at once when somebody looks again.
  const awake = () => document.dispatchEvent(new CustomEvent("awake"));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) awake(); });
  addEventListener("pageshow", ({ persisted }) => { if (persisted) awake(); });
  // And soon after a look without an answer, less and less often: a signal that is back may still lose the first.
  let next;
  function soon(asker) {
    if (!asker?.matches("[hx-trigger*=awake]")) return;
    const missed = Number(asker.dataset.missed ?? 0);
    asker.dataset.missed = missed + 1;
    clearTimeout(next);
    next = setTimeout(awake, Math.min(SOON_MS * 2 ** missed, LONGEST_MS));
  }
  document.addEventListener("htmx:load", ({ detail }) => { times(detail.elt); restore(detail.elt); });

  for (const box of all("[data-theme-switch]")) box.hidden = false;
  themes();
  times();
  setInterval(times, 15000);
  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.register("/sw.js").catch(() => {});
    if (document.querySelector("[data-ahead]") && !navigator.connection?.saveData) addEventListener("load", ahead);
  }

  // The scanner, for those who may register: once the page has all that it needs itself.
  function ahead() {
    const idle = globalThis.requestIdleCallback ?? ((work) => setTimeout(work, 500));
    navigator.serviceWorker.ready.then(({ active }) => idle(() => active.postMessage("scanner"), { timeout: 2000 }));
  }
})();
