"use strict";
// States over the time range: one stretch for as long as one was reported, nothing where nothing was.
(() => {
  const box = document.getElementById("timelines");
  if (!box || !window.handoverHistory) return;
  const { load, settle, surface, shown } = handoverHistory;

  const LEAST_MS = 10_000; // between two looks; of long ranges as long as can be seen
  const BUCKETS = 600;
  const [HURRY_MS, MOST_HURRIES] = [1000, 5];
  const MOST_LISTED = 50;
  const PLAIN = 6; // colours of states that are neither good nor bad
  const { dated, name: zoneName, duration, span, gaps } = handoverClock;
  const short = dated({ month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
  const exact = dated({ month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit" });
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
    const parts = [...track.querySelectorAll(".stretch")];
    for (const part of parts) part.textContent = part.dataset.name;
    const cut = parts.filter((part) => part.scrollWidth > part.clientWidth);
    for (const part of cut) part.textContent = "";
  }

  const widths = new ResizeObserver((changed) => changed.forEach(({ target }) => names(target)));

  const drawn = new Map(); // figure: its track's parts in time

  // What was drawn once stays where it is, though it may be empty.
  function show(figure, { stretches, too_many: tooMany }, tones) {
    figure.hidden = !stretches.length && !tooMany && !drawn.has(figure);
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
    if (!drawn.has(figure)) surface(track);
    for (const part of track.querySelectorAll(".stretch")) part.remove();
    track.prepend(...stretches.map((stretch) => {
      const { states } = stretch;
      const named = states.find((state) => tones[state] === "bad") ?? rarest(states);
      const part = make("span", `stretch ${css(named)}${states.length > 1 ? " is-mixed" : ""}`);
      part.dataset.name = states.join(" / ");
      part.title = describe(stretch);
      return part;
    }));
    drawn.set(figure, stretches);
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
    track.setAttribute("aria-label", `Timeline of ${figure.dataset.label}: ${lasting.map((pair) => pair.join(", ")).join("; ")}${silent.length ? `; ${gaps(silent)}` : ""}`);
  }

  // On the axis that all charts have.
  function draw({ from, to }) {
    for (const [figure, stretches] of drawn) {
      const track = figure.querySelector(".timeline-track");
      track.querySelectorAll(".stretch").forEach((part, n) => {
        const { start, end } = stretches[n];
        // Cut at the ends of what is shown, so that the name stands in what is seen.
        const [left, right] = [Math.max(from, start), Math.min(to, end)];
        part.hidden = right < left;
        part.style.left = `${(100 * (left - from)) / (to - from)}%`;
        part.style.width = `${(100 * (right - left)) / (to - from)}%`;
      });
      names(track);
      const ends = figure.querySelectorAll(".timeline-axis span");
      const words = to - from < 600_000 ? exact : short;
      [from, (from + to) / 2, to].forEach((ms, n) => { ends[n].textContent = words.format(ms); });
    }
  }

  // What was the state at a moment; of several in turn, all.
  function read(ms) {
    return [...drawn].flatMap(([figure, stretches]) => {
      const output = figure.querySelector("output");
      const stretch = ms === null ? null : stretches.findLast(({ start, end }) => start <= ms && ms <= end);
      const text = ms === null ? "" : stretch ? stretch.states.join(" and ") : "no report";
      if (output.textContent !== text) output.textContent = text;
      return text ? [[figure.dataset.label, text]] : [];
    });
  }

  // Live it is looked at less often than the charts, but when all is asked for anew.
  async function look(query, anew) {
    const pause = hurries ? HURRY_MS : least;
    if (!anew && performance.now() < looked + pause) {
      waiting ||= setTimeout(() => { waiting = 0; handoverHistory.run(); }, looked + pause - performance.now());
      return null;
    }
    looked = performance.now();
    const { timelines, tones, ...range } = await load(box.dataset.url, query);
    return () => {
      least = Math.max(LEAST_MS, (range.to - range.from) / BUCKETS);
      settle(range);
      for (const figure of box.querySelectorAll("[data-state]")) {
        const timeline = timelines[figure.dataset.state];
        if (timeline) show(figure, timeline, tones);
      }
      const [coming, missing] = [[], []];
      for (const { dataset } of box.querySelectorAll("[data-state][hidden]")) (handoverIsComing(dataset.state, range.from) ? coming : missing).push(dataset.label);
      hurries = coming.length && hurries < MOST_HURRIES ? hurries + 1 : 0;
      if (hurries) setTimeout(handoverHistory.run, 0);
      say("missing", missing.length ? `Not reported in this time range: ${missing.join(", ")}.` : "");
    };
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
  handoverHistory.views.push({
    fetch: look, draw, read,
    fail: (words) => say("problem", words && `The states over time could not be refreshed. ${words}`),
    times: () => [...drawn.values()].map((stretches) => stretches.map(({ start }) => start)),
  });
})();
