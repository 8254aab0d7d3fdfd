"use strict";
// States over the time range: one stretch for as long as one was reported, nothing where nothing was.
(() => {
  const box = document.getElementById("timelines");
  const live = document.getElementById("live");
  if (!box) return;

  const LEAST_MS = 10_000; // between two looks; of long ranges as long as can be seen
  const BUCKETS = 600;
  const RELOAD_MS = 60_000;
  const [HURRY_MS, MOST_HURRIES] = [1000, 5];
  const MOST_LISTED = 50;
  const PLAIN = 6; // colours of states that are neither good nor bad
  const { format, name: zoneName, duration, span, gaps } = handoverClock;
  const short = format({ month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
  const exact = format({ month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit" });
  const moment = (ms) => `${exact.format(ms)} ${zoneName(ms)}`;

  function make(tag, css, text = "") {
    const element = document.createElement(tag);
    element.className = css;
    element.textContent = text;
    return element;
  }

  function describe({ start, end, states }) {
    const words = states.length > 1 ? `${states.join(" and ")} in turn` : states[0];
    return end > start ? `${words}: ${span(start, end)}` : `${words}: ${moment(start)}, once`;
  }

  /** A state's name stands in its stretch where there is room for all of it; the legend has them all. */
  function names(track) {
    for (const part of track.children) part.textContent = part.dataset.name;
    const cut = [...track.children].filter((part) => part.scrollWidth > part.clientWidth);
    for (const part of cut) part.textContent = "";
  }

  const widths = new ResizeObserver((changed) => changed.forEach(({ target }) => names(target)));

  function draw(figure, { stretches, too_many: tooMany }, tones, { from, to }) {
    figure.hidden = !stretches.length && !tooMany;
    if (figure.hidden) return;
    const [track, legend, list] = [".timeline-track", ".timeline-legend", ".timeline-list"].map((part) => figure.querySelector(part));
    track.hidden = list.hidden = tooMany;
    if (tooMany) {
      legend.replaceChildren(make("li", "muted", "Too many different texts for a timeline. The CSV has them all."));
      return;
    }
    const kinds = [...new Set(stretches.flatMap(({ states }) => states))];
    const plain = kinds.filter((state) => tones[state] === "plain");
    const css = (state) => (tones[state] === "plain" ? `state-${plain.indexOf(state) % PLAIN}` : `tone-${tones[state]}`);
    const totals = new Map(kinds.map((state) => [state, 0]));
    const turns = new Set(stretches.filter(({ states }) => states.length > 1).flatMap(({ states }) => states));
    for (const { start, end, states } of stretches) if (states.length === 1) totals.set(states[0], totals.get(states[0]) + end - start);
    const rarest = (states) => states.reduce((a, b) => (totals.get(b) < totals.get(a) ? b : a));
    track.replaceChildren(...stretches.map((stretch) => {
      const { start, end, states } = stretch;
      const named = states.find((state) => tones[state] === "bad") ?? rarest(states);
      const part = make("span", `stretch ${css(named)}${states.length > 1 ? " is-mixed" : ""}`);
      part.dataset.name = states.join(" / ");
      part.style.left = `${100 * (start - from) / (to - from)}%`;
      part.style.width = `${100 * (end - start) / (to - from)}%`;
      part.title = describe(stretch);
      return part;
    }));
    names(track);
    widths.observe(track);
    const lasting = [...totals].map(([state, ms]) => [state, ms ? duration(ms) : turns.has(state) ? "in turn with others" : "once"]);
    const explain = (look, words) => {
      const line = make("li", "");
      line.append(make("span", `swatch ${look}`), ` ${words}`);
      return line;
    };
    legend.replaceChildren(...lasting.map(([state, words]) => explain(css(state), `${state}: ${words}`)), explain("is-silent", "no report"));
    const silent = stretches.slice(1).map(({ start }, n) => [stretches[n].end, start]).filter(([before, after]) => after > before);
    const listed = stretches.flatMap((stretch, n) => {
      const before = stretches[n - 1]?.end ?? stretch.start;
      return [...(stretch.start > before ? [`no report: ${span(before, stretch.start)}`] : []), describe(stretch)];
    });
    list.querySelector("ol").replaceChildren(...listed.slice(-MOST_LISTED).reverse().map((words) => make("li", "", words)));
    figure.querySelector(".chart-gaps").textContent = gaps(silent);
    const ends = figure.querySelectorAll(".timeline-axis span");
    [from, (from + to) / 2, to].forEach((ms, n) => { ends[n].textContent = short.format(ms); });
    track.setAttribute("aria-label", `Timeline of ${figure.dataset.label}: ${lasting.map((pair) => pair.join(", ")).join("; ")}${silent.length ? `; ${gaps(silent)}` : ""}`);
  }

  async function look() {
    const url = new URL(box.dataset.url, location.href);
    url.searchParams.set("range", box.dataset.range);
    const response = await fetch(url, { headers: { Accept: "application/json", "X-Background": "1" }, redirect: "error" });
    const { detail, timelines, tones, ...range } = await response.json();
    if (!response.ok) throw new Error(detail);
    least = Math.max(LEAST_MS, (range.to - range.from) / BUCKETS);
    for (const figure of box.querySelectorAll("[data-state]")) {
      const timeline = timelines[figure.dataset.state];
      if (timeline) draw(figure, timeline, tones, range);
    }
    const [coming, missing] = [[], []];
    for (const { dataset } of box.querySelectorAll("[data-state][hidden]")) (handoverIsComing(dataset.state, range.from) ? coming : missing).push(dataset.label);
    hurries = coming.length && hurries < MOST_HURRIES ? hurries + 1 : 0;
    if (hurries) setTimeout(update, 0);
    say("missing", missing.length ? `Not reported in this time range: ${missing.join(", ")}.` : "");
    say("problem", "");
  }

  function say(what, text) {
    const place = document.getElementById(`timelines-${what}`);
    place.textContent = text;
    place.hidden = !text;
  }

  let least = LEAST_MS;
  let hurries = 0; // looks one after the other for what is said to be there
  let looked = -Infinity;
  let waiting = 0;
  function update() {
    if (document.hidden || waiting) return;
    waiting = setTimeout(async () => {
      looked = performance.now();
      // What is drawn stays, and the next report asks again.
      try { await look(); } catch (error) { say("problem", `The states over time could not be refreshed; they go on by themselves. ${error.message}`); }
      waiting = 0;
    }, Math.max(0, looked + (hurries ? HURRY_MS : least) - performance.now()));
  }

  live.addEventListener("htmx:afterSettle", update);
  document.addEventListener("visibilitychange", update);
  setInterval(update, RELOAD_MS);
  update();
})();
