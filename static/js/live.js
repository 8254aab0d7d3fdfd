"use strict";
// The page's live connection: a stream that says when to look again, and a watchdog for connections that die in silence.
//
//   <div data-live="address of the stream" [data-live-eager]>          empty: nothing will change by itself any more
//     {% include "_live_says.html" %}                                   where the connection stands
//     <div data-live-part="address of the fragment" [data-live-swap="innerHTML"]> … data-version …
//
// While the stream is away the page asks by itself; an eager one every second, since somebody stands there, and now and
// then beside a stream that lives, so that it rests on nothing. Connections that a browser kept for later died with the
// stream's, so one request after another is tried until one is answered. What was told and could not be fetched is asked
// for until it is there. A page that nobody sees lets its stream go.
window.handoverLive = (() => {
  const [ASK_MS, LONGEST_MS] = [1500, 10_000]; // for one answer, the longer the more are late
  const AT_ONCE = 5; // requests: a browser has six connections
  const NEXT_MS = 250; // after one that is not answered; more where each gets longer, so that one ends every few seconds
  const EAGER_MS = 5000; // between two looks of an eager page whose stream lives
  const [OPEN_MS, DEAD_MS] = [8000, 4000]; // for a first word, and beyond two heartbeats without another
  const LOST_MS = 1000; // after a heartbeat is late, until the page says that there is no connection
  const BEHIND_MS = 4000; // for what was told, until the page says that it is behind
  const HIDDEN_MS = 5_000; // until a page that nobody sees lets its connection go: a browser has six
  const CROWDED_MS = 30_000; // between two looks of a page that had to give its stream up
  const LATE = 1.25; // of a heartbeat
  const root = document.querySelector("[data-live]");
  if (!root) return { refresh() {} };

  const eager = root.hasAttribute("data-live-eager");
  const part = () => root.querySelector("[data-live-part]");
  const version = () => root.querySelector("[data-version]")?.dataset.version ?? "";
  const now = () => performance.now();
  const state = { source: null, retrying: 0, failures: 0, ended: !root.dataset.live, crowded: false, hears: true, late: 0 };
  const at = { heard: now(), opened: 0, asked: -Infinity, answered: now(), told: -Infinity, hidden: 0, clock: Date.now() };
  const asking = new Set();
  let every = 4000; // a heartbeat, as the stream says

  function says(what, shown) {
    const message = root.querySelector(`[data-live-says="${what}"]`);
    if (message && message.hidden === shown) message.hidden = !shown;
  }

  function tell(name, detail) {
    return root.dispatchEvent(new CustomEvent(`live:${name}`, { bubbles: true, cancelable: true, detail }));
  }

  // The stream.
  function connect() {
    leave();
    state.crowded = false;
    if (state.ended || document.hidden) return;
    const address = new URL(root.dataset.live, location.href);
    address.searchParams.set("v", version());
    const source = new EventSource(address);
    state.source = source;
    at.opened = now();
    for (const [name, act] of Object.entries(EVENTS)) {
      source.addEventListener(name, (event) => {
        if (state.source !== source) return;
        at.heard = now();
        state.failures = 0;
        tell("heard");
        act(event);
      });
    }
    source.onerror = () => { if (state.source === source) again(); };
  }

  function leave() {
    clearTimeout(state.retrying);
    state.retrying = 0;
    state.source?.close();
    state.source = null;
  }

  function again() {
    leave();
    const longest = eager ? 2000 : 15_000;
    const pause = Math.min(500 * 2 ** state.failures++, longest) * (0.5 + Math.random() / 2);
    state.retrying = setTimeout(connect, pause);
  }

  const EVENTS = {
    alive({ data }) {
      const { every: seconds, hears } = JSON.parse(data);
      every = 1000 * seconds;
      hearing(hears);
    },
    changed({ data }) { if (data !== version()) owe(); },
    shown({ data, lastEventId }) { if (lastEventId !== version()) answered({ since: now() }, JSON.parse(data), false); },
    gone() {
      state.ended = true;
      leave();
      owe();
    },
    closed() {
      state.crowded = true;
      leave();
    },
  };

  function hearing(hears) {
    if (state.hears !== hears) tell("hearing", hears);
    state.hears = hears;
  }

  // Looking again.
  const owed = () => at.told > at.answered;

  function owe() {
    at.told = now();
    ask();
  }

  const limitOfAnswer = () => Math.min(ASK_MS * 2 ** state.late, LONGEST_MS);

  async function ask(shown = false) {
    if (asking.size >= AT_ONCE) return;
    const asked = { since: now(), abort: new AbortController() };
    at.asked = asked.since;
    asking.add(asked);
    const limit = setTimeout(() => {
      state.late += 1;
      asked.abort.abort();
    }, limitOfAnswer());
    try {
      const { signal } = asked.abort;
      const response = await fetch(part().dataset.livePart, { headers: { "HX-Request": "true", "X-Background": "1" }, cache: "no-store", signal });
      if (response.status === 404 || response.redirected) location.reload(); // it is not one's own any more
      else if (response.status === 503) hearing(false);
      else if (response.ok) answered(asked, await response.text(), shown);
    } catch { /* no connection: the watchdog asks again */ }
    clearTimeout(limit);
    asking.delete(asked);
  }

  function answered(asked, html, shown) {
    if (asked.since < at.answered) return; // a later one was faster
    if (!shown && html.includes(`data-version="${version()}"`)) tell("same", html);
    else {
      if (!tell("swapping")) { // not now: the page waits for something that comes first
        at.told = now();
        return;
      }
      htmx.swap(part(), html, { swapStyle: part().dataset.liveSwap ?? "outerHTML", swapDelay: 0, settleDelay: 20 });
    }
    at.answered = asked.since;
    state.late = 0;
    tell("answered");
    for (const other of asking) if (other.since < asked.since) other.abort.abort();
    if (state.source && silent() > LATE * every + LOST_MS) connect(); // the site is there: it is the stream that died
  }

  // The watchdog.
  const silent = () => now() - at.heard;

  function watch() {
    const slept = Date.now() - at.clock > 5000;
    at.clock = Date.now();
    if (document.hidden) {
      if (now() - at.hidden > HIDDEN_MS) leave();
      return;
    }
    if (slept) wake(true);
    const word = at.opened > at.heard ? OPEN_MS : 2 * every + DEAD_MS;
    if (state.source && now() - Math.max(at.heard, at.opened) > word) again();
    if (now() - at.asked > pause()) ask();
    const lost = Math.min(silent(), now() - at.answered) > LATE * every + LOST_MS + (state.crowded ? crowdedPause() : 0);
    const cut = (lost && !state.ended) || !navigator.onLine;
    says("lost", cut);
    says("deaf", !state.hears && !cut);
    says("closed", state.crowded && !cut);
    says("behind", owed() && now() - at.told > BEHIND_MS && state.hears && !cut);
  }

  // Until the page asks once more.
  function pause() {
    if (asking.size) return Math.max(NEXT_MS, limitOfAnswer() / AT_ONCE);
    if (owed()) return eager ? 1000 : 2000;
    if (state.ended) return Infinity;
    if (state.crowded) return crowdedPause();
    if (silent() > LATE * every) return eager ? 1000 : 5000;
    return eager ? EAGER_MS : Infinity;
  }

  const crowdedPause = () => (eager ? 3000 : CROWDED_MS);

  // `slept`: whatever was open then may be dead, and the clock that tells how long nothing came stood still.
  function wake(slept = false) {
    if (slept || !state.source || silent() > LATE * every) connect();
    if (!state.ended) ask();
  }

  document.addEventListener("visibilitychange", () => {
    at.hidden = now();
    if (!document.hidden) wake();
  });
  addEventListener("pageshow", ({ persisted }) => { if (persisted) wake(true); });
  addEventListener("pagehide", leave);
  document.addEventListener("resume", () => wake(true));
  addEventListener("online", () => wake(true));
  root.addEventListener("click", ({ target }) => { if (target.closest("[data-live-again]")) connect(); });
  setInterval(watch, NEXT_MS);
  connect();
  return { refresh: () => ask(true) };
})();
