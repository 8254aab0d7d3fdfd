"use strict";
// The time range of a device's history: what the address says, the buttons, and the one request at a time for all that is
// drawn of it. What draws registers a view:
//
//   { fetch(query, anew): what to do with the answer, once it is there and still wanted; draw(range); fail(words, "" for none);
//     times(), read(ms): see cursor.js }
//
// A range is { name } up to now, { from } from then up to now, or { from, to }, in milliseconds since the epoch. The first two
// are live. While an answer is on its way, what is there already is drawn in the new range.
window.handoverHistory = (() => {
  const root = document.getElementById("history");
  if (!root) return null;

  const SHORTEST = 60_000;
  const LONGEST = Number(root.dataset.mostDays) * 86_400_000;
  const ANSWER_MS = 60_000; // for which an answer is waited for
  const SETTLE_MS = 250; // without another step, until what was zoomed or moved to is asked for
  const [LEAST_RELOAD, MOST_RELOAD] = [30_000, 300_000]; // all of it anew: late reports, and buckets of the right width
  const BUCKETS = 600;
  const NAMED = { "1h": 3_600_000, "6h": 21_600_000, "24h": 86_400_000, "7d": 604_800_000, "30d": 2_592_000_000, "1y": 31_536_000_000 };
  const names = root.dataset.ranges.split(" ");
  const { span } = handoverClock;
  const find = (selector) => root.querySelector(selector);

  const views = [];
  const { range: begun, from: since, to: until } = root.dataset; // what the site made of the address
  const first = { search: location.search, range: begun ? { name: begun } : { from: Date.parse(since), ...(until && { to: Date.parse(until) }) } };
  let range = first.range;
  let shown = null; // { from, to } of the axes
  let ahead = 0; // of this browser's clock, the site's
  let [busy, again, stale, asksPerson, reached] = [false, false, true, false, 0];
  let waiting = 0; // a timer, until what was moved to is asked for
  let gesture = null;

  const now = () => Date.now() + ahead;
  const isLive = () => range.to === undefined;

  // The address.
  function moment(text) {
    return /^\d+$/.test(text ?? "") ? Number(text) : Date.parse(text);
  }

  function fromAddress() {
    if (location.search === first.search) return first.range;
    const query = new URLSearchParams(location.search);
    if (!query.has("from")) return { name: names.includes(query.get("range")) ? query.get("range") : "1h" };
    const [from, to] = [moment(query.get("from")), query.get("to") ? moment(query.get("to")) : undefined];
    return to === undefined ? { from } : { from, to };
  }

  const written = (ms) => new Date(ms).toISOString().replace(".000Z", "Z");

  function toAddress({ name, from, to }) {
    if (name) return `?range=${name}`;
    return `?from=${written(from)}${to === undefined ? "" : `&to=${written(to)}`}`;
  }

  function query({ name, from, to }) {
    if (name) return { range: name };
    return to === undefined ? { from } : { from, to };
  }

  // Going somewhere. What belongs to one gesture, as the turns of a wheel, is one step of the browser's history.
  function go(next, by = null) {
    if (!by || by !== gesture) history.pushState(null, "", `${toAddress(next)}#history-title`);
    else history.replaceState(null, "", `${toAddress(next)}#history-title`);
    gesture = by;
    take(next, by);
  }

  function take(next, by = null) {
    range = next;
    stale = asksPerson = true;
    if (next.from !== undefined) shown = { from: next.from, to: next.to ?? now() };
    tell();
    draw();
    clearTimeout(waiting);
    waiting = setTimeout(() => { waiting = 0; run(); }, by ? SETTLE_MS : 0);
  }

  function draw() {
    if (!shown) return;
    for (const view of views) view.draw(shown);
    handoverHistory.drawn?.();
  }

  // No shorter and no longer than there is, and not beyond what is shown or now.
  function fit(from, to) {
    const width = Math.min(LONGEST, Math.max(SHORTEST, to - from));
    const most = Math.max(now(), shown.to);
    const end = Math.min(most, (from + to + width) / 2);
    return [Math.round(end - width), Math.round(end)];
  }

  function zoomTo(from, to, by = null) {
    if (!shown) return;
    const [start, end] = fit(from, to);
    go(end >= now() - (end - start) / BUCKETS / 2 ? { from: start } : { from: start, to: end }, by);
  }

  // Drawn at once, and asked for when the fingers are off.
  function preview(from, to) {
    if (!shown) return;
    const [start, end] = fit(from, to);
    shown = { from: start, to: end };
    draw();
  }

  function zoom(factor, around = null, by = null) {
    if (!shown) return;
    const at = around ?? (isLive() ? shown.to : (shown.from + shown.to) / 2);
    zoomTo(at - (at - shown.from) * factor, at + (shown.to - at) * factor, by);
  }

  function pan(part, by = null) {
    if (!shown) return;
    const width = shown.to - shown.from;
    const end = Math.min(shown.to + part * width, Math.max(now(), shown.to));
    zoomTo(end - width, end, by);
  }

  function goLive() {
    const width = shown ? shown.to - shown.from : 0;
    go({ name: names.find((name) => NAMED[name] >= width * 0.99) ?? names.at(-1) });
  }

  // Requests.
  async function load(address, parameters) {
    const url = new URL(address, location.href);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    const headers = { Accept: "application/json", ...(asksPerson ? {} : { "X-Background": "1" }) };
    let answer;
    try {
      answer = await fetch(url, { headers, redirect: "error", signal: AbortSignal.timeout(ANSWER_MS) });
    } catch (error) {
      throw new Error(error.name === "TimeoutError" ? `No answer came within ${ANSWER_MS / 1000} s.` : "The site can’t be reached.");
    }
    const body = await answer.json().catch(() => null);
    if (!answer.ok || !body) throw new Error(body?.detail ?? `The site answered with an error (${answer.status}).`);
    return body;
  }

  // One request at a time. What came too late is dropped; what is asked for meanwhile is done once after it.
  async function run() {
    if (busy || document.hidden) { again = busy; return; }
    [busy, again] = [true, false];
    const asked = range;
    const anew = stale;
    tell();
    let failed = false;
    for (const view of views) {
      try {
        const use = await view.fetch(query(asked), anew);
        if (asked !== range) break;
        use?.();
        view.fail("");
      } catch (error) {
        if (asked !== range) break;
        view.fail(error.message);
        failed = true;
      }
    }
    busy = false;
    if (asked === range) {
      asksPerson = false;
      stale = failed && anew;
      if (anew && !failed) reached = performance.now();
      find("#history-again").hidden = !failed;
      draw();
      tell();
    } else again = true;
    if (again && !waiting) run();
  }

  // What an answer is of: of a live range up to when.
  function settle({ from, to, kept = "" }) {
    const says = find("#history-kept");
    set(says, kept);
    says.hidden = !kept;
    if (isLive()) ahead = to - Date.now();
    shown = { from: range.from ?? from, to: range.to ?? to };
  }

  function anew() {
    stale = true;
    run();
  }

  // What the page says of it.
  function typed(ms) {
    const parts = Object.fromEntries(local.formatToParts(ms).map(({ type, value }) => [type, value]));
    return `${parts.year.padStart(4, "0")}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}:${parts.second}`;
  }

  const local = new Intl.DateTimeFormat("en", { timeZone: handoverClock.zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" });

  function set(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function tell() {
    for (const link of root.querySelectorAll(".ranges [data-range]")) {
      if (link.dataset.range === range.name) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    find("[data-move=live]").disabled = isLive();
    find("[data-move=later]").disabled = isLive();
    root.setAttribute("aria-busy", String(busy));
    root.classList.toggle("is-live", isLive());
    set(find("#history-says"), isLive() ? "Live, up to now." : `Standing still: ${span(range.from, range.to)}. What is reported now is not drawn.`);
    for (const link of root.querySelectorAll("[data-export]")) link.search = new URLSearchParams(query(range)).toString();
    const form = find(".history-form");
    if (!shown || form.contains(document.activeElement)) return;
    form.elements.from.value = typed(shown.from);
    form.elements.to.value = isLive() ? "" : typed(shown.to);
  }

  const MOVES = {
    in: () => zoom(0.5, handoverHistory.cursor?.()),
    out: () => zoom(2, handoverHistory.cursor?.()),
    earlier: () => pan(-0.5),
    later: () => pan(0.5),
    live: goLive,
  };

  root.addEventListener("click", (event) => {
    const move = event.target.closest("[data-move]");
    if (move) MOVES[move.dataset.move]();
    const link = event.target.closest(".ranges [data-range]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go({ name: link.dataset.range });
  });
  find("#history-again").addEventListener("click", () => { asksPerson = true; anew(); });
  addEventListener("popstate", () => {
    gesture = null;
    take(fromAddress());
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) anew(); });
  document.getElementById("live")?.addEventListener("htmx:afterSettle", () => { if (isLive()) run(); });
  setInterval(() => {
    const width = shown ? shown.to - shown.from : 0;
    const every = Math.min(MOST_RELOAD, Math.max(LEAST_RELOAD, width / BUCKETS));
    if (!busy && performance.now() - reached > every) anew();
  }, LEAST_RELOAD / 3);
  document.addEventListener("DOMContentLoaded", () => {
    if (range.from !== undefined) shown = { from: range.from, to: range.to ?? now() };
    tell();
    run();
  });

  return { root, load, settle, run, zoomTo, zoom, pan, preview, isLive, views, shown: () => shown, waits: () => busy || waiting > 0 };
})();
