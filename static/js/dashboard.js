"use strict";
(() => {
  const RELOAD = 300_000; // all of a chart anew: late reports, and buckets of the right width
  const LEAST_PX = 6; // of a line that can be seen
  const EDGE = 0.001; // seconds from a gap's end
  const MOST = 1_500; // points in a chart
  const TINY = 1e-9;
  const GREAT = 1e15; // from here on a chart is drawn of smaller numbers: the axes know no greater ones

  const live = document.getElementById("live");
  const grid = document.getElementById("charts");
  const scope = () => live.firstElementChild?.dataset.scope;
  const before = scope();

  live.addEventListener("htmx:afterSettle", () => {
    if (scope() !== before) location.reload(); // in other hands now: nothing on this page holds any more
    else update();
  });

  // Whether the latest values have one of this attribute that belongs into what is drawn from then on: it is on its way.
  globalThis.handoverIsComing = (name, from) => {
    const time = live.querySelector(`[data-reading="${CSS.escape(name)}"] time`);
    const at = time ? Date.parse(time.dateTime) : NaN;
    return at >= from && at <= Date.now();
  };

  const charts = new Map();
  // { from, to, next: milliseconds, times: seconds, lines: { name: [low, high, value] }, gaps: { name: [[from, to]] },
  // pauses: { name: milliseconds that are none yet } }
  let data = null;
  let busy = false;
  let again = false;
  let update = () => {};
  if (!grid || !window.uPlot) return;

  const colour = (name) => () => getComputedStyle(grid).getPropertyValue(name).trim();
  const wholes = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });
  const smalls = new Intl.NumberFormat("en", { maximumSignificantDigits: 5 });
  const fixed = (decimals) => new Intl.NumberFormat("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  const { format, name: zoneName, gaps: describeGaps, span } = handoverClock;
  const clock = format({ hour: "numeric", minute: "2-digit" });
  const second = format({ hour: "numeric", minute: "2-digit", second: "2-digit" });
  const minute = format({ month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
  const exact = format({ month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit" });
  const full = new Intl.DateTimeFormat("en", { timeZone: handoverClock.zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const MIDNIGHT = /^00:00/;
  const day = format({ month: "short", day: "numeric" });
  const moment = (seconds) => `${exact.format(seconds * 1000)} ${zoneName(seconds * 1000)}`;

  const minus = (text) => text.replaceAll("-", "\u2212");

  // When a value came; one of a bucket, in which span of time.
  function spoken(seconds) {
    return data.bucket && seconds < data.whole ? `in the ${duration(data.bucket)} from ${minute.format(seconds * 1000)} ${zoneName(seconds * 1000)}` : moment(seconds);
  }

  // With the recipe's decimals, else as they came: to three, of small numbers to five significant digits.
  function number(value, figure) {
    const size = Math.abs(value);
    if (size >= GREAT || (size && size < TINY)) return minus(value.toExponential(3).replace("e+", "e"));
    if (figure?.dataset.decimals) return minus(fixed(Number(figure.dataset.decimals)).format(value));
    return minus((size >= 1 || !size ? wholes : smalls).format(value));
  }

  function ticks(plot, splits) {
    const whole = plot.scales.x.max - plot.scales.x.min;
    const shown = whole > 2 * 86400 ? day : whole > 600 ? clock : second;
    return splits.map((at) => (shown === clock && MIDNIGHT.test(full.format(at * 1000)) ? day : shown).format(at * 1000));
  }

  function axis(more) {
    return { stroke: colour("--chart-text"), font: `11px ${getComputedStyle(grid).fontFamily}`, grid: { stroke: colour("--chart-grid"), width: 1 }, ticks: { show: false }, ...more };
  }

  function options(figure, plot) {
    const line = { stroke: colour("--chart-line"), width: 1.5, points: { size: 5, width: 0, fill: colour("--chart-line"), filter: alone } };
    const edge = { stroke: "transparent", width: 0, points: { show: false } };
    return {
      width: plot.clientWidth,
      height: plot.clientHeight,
      padding: [8, 18, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      tzDate: (at) => (handoverClock.zone ? uPlot.tzDate(new Date(at * 1000), handoverClock.zone) : new Date(at * 1000)),
      scales: { x: { range: reach }, y: { range: (_, low, high) => bounds(figure, low, high) } },
      axes: [axis({ size: 26, space: 64, values: ticks }), axis({ size: room, space: 32, values: (_, splits) => splits.map((value) => number(value / scale(figure))) })],
      series: [{}, edge, edge, line],
      bands: [{ series: [2, 1], fill: colour("--chart-band") }],
      hooks: { setCursor: [(drawn) => read(figure, drawn)], draw: [(drawn) => limits(figure, drawn)] },
    };
  }

  // As wide as the longest of its numbers.
  const room = (_, labels) => Math.max(48, 14 + 6.5 * Math.max(0, ...(labels ?? []).map((label) => label.length)));

  // The time range that was asked for, whatever there is of it.
  const reach = () => [data.from / 1000, data.to / 1000];

  // What was reported, and what the recipe expects.
  function bounds(figure, low, high) {
    const expected = ["minimum", "maximum"].filter((end) => end in figure.dataset).map((end) => Number(figure.dataset[end]) * scale(figure));
    const known = [low, high, ...expected].filter((value) => value !== null && value !== undefined);
    if (!known.length) return [0, 1];
    const [least, most] = [Math.min(...known), Math.max(...known)];
    const spare = (most - least) * 0.12 || Math.abs(most) * 0.05 || 1;
    return [least >= 0 && least < spare ? 0 : least - spare, most + spare];
  }

  // Of values between two gaps, of which there is no line to be seen, the points.
  function alone({ data: columns, scales: { x }, bbox }, which, shown) {
    if (shown) return null;
    const [times, values] = [columns[0], columns[which]];
    const short = (LEAST_PX * devicePixelRatio * (x.max - x.min)) / bbox.width;
    const found = [];
    for (let begin = 0, at = 0; at <= values.length; at++) {
      if (at < values.length && values[at] !== null) continue;
      if (at > begin && times[at - 1] - times[begin] < short) for (let each = begin; each < at; each++) found.push(each);
      begin = at + 1;
    }
    return found;
  }

  // The columns of one attribute: where the server says that it was silent, nothing is drawn.
  function separate(name) {
    const [low, high, values] = data.lines[name];
    const told = [...values.keys()].filter((at) => values[at] !== null);
    const columns = [[], [], [], []];
    let next = 0;
    told.forEach((at, n) => {
      const [before, now] = [data.times[told[n - 1]], data.times[at]];
      for (; data.gaps[name][next]?.[0] < 1000 * now - 0.5; next++) {
        const [start, end] = data.gaps[name][next].map((ms) => ms / 1000);
        const edges = [Math.max(before, start) + EDGE, Math.min(now, end) - EDGE];
        if (n && edges[0] < edges[1]) for (const edge of edges) columns.forEach((column, which) => column.push(which ? null : edge));
      }
      [data.times, low, high, values].forEach((line, which) => columns[which].push(line[at]));
    });
    return columns;
  }

  // What came after a pause that may be a gap: the server is asked for all anew, and says so. What is in buckets stands at
  // their starts, so that it can't be told here.
  function isSilent(name) {
    const values = data.lines[name][2];
    const told = data.times.filter((at, n) => values[n] !== null && (!data.bucket || at >= data.whole));
    return told.some((at, n) => n && 1000 * at > data.judged && 1000 * (at - told[n - 1]) > data.pauses[name]);
  }

  // The range that the recipe expects: a dashed line at each end of it, and a shade beyond.
  function limits(figure, { bbox, ctx, data: [, , , values], scales, valToPos }) {
    if (values.every((value) => value === null)) return;
    const { left, top, width, height } = bbox;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour("--chart-limit")();
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    for (const [end, outer] of [["minimum", top + height], ["maximum", top]]) {
      if (figure.dataset[end] === undefined) continue;
      const value = Number(figure.dataset[end]) * scale(figure);
      if (value <= scales.y.min || value >= scales.y.max) continue;
      const y = Math.round(valToPos(value, "y", true));
      ctx.globalAlpha = 0.08;
      ctx.fillRect(left, Math.min(y, outer), width, Math.abs(outer - y));
      ctx.globalAlpha = 1;
      ctx.beginPath();
      ctx.moveTo(left, y);
      ctx.lineTo(left + width, y);
      ctx.stroke();
    }
    ctx.restore();
  }

  // What the pointer is at: a value, or nothing from when to when. Below the chart its lowest and highest value.
  function read(figure, drawn) {
    const [times, low, high, values] = drawn.data;
    const output = figure.querySelector("output");
    const at = drawn.cursor.idx;
    const pointed = at !== null && at !== undefined && drawn.cursor.left >= 0;
    if (pointed && values[at] !== null) output.textContent = `${number(values[at] / scale(figure), figure)} · ${spoken(times[at])}`;
    else if (pointed) output.textContent = silence(figure.dataset.attribute, times[at]);
    else output.textContent = "";
    const named = [["Lowest", low, (a, b) => a < b], ["Highest", high, (a, b) => a > b]].map(([word, line, beats]) => {
      const where = line.reduce((best, value, n) => (value !== null && (best < 0 || beats(value, line[best])) ? n : best), -1);
      return where < 0 ? "" : `${word} ${number(line[where] / scale(figure), figure)} (${spoken(times[where])})`;
    });
    const words = named.filter(Boolean).join(" · ");
    const place = figure.querySelector(".chart-extremes");
    if (place.textContent !== words) place.textContent = words;
    const silent = describeGaps(data.gaps[figure.dataset.attribute].filter(([, end]) => end > data.from));
    const told = figure.querySelector(".chart-gaps");
    if (told.textContent !== silent) told.textContent = silent;
    drawn.root.parentElement.setAttribute("aria-label", `Chart of ${figure.dataset.label} ${figure.dataset.unit}: ${words}${silent && ` · ${silent}`}`);
  }

  function silence(name, at) {
    const gap = data.gaps[name].find(([start, end]) => start - 2000 * EDGE <= 1000 * at && 1000 * at <= end + 2000 * EDGE);
    return gap ? `nothing reported, ${span(...gap)}` : "";
  }

  function extremes(low, high) {
    let [least, most] = [null, null];
    for (const value of low) if (value !== null && (least === null || value < least)) least = value;
    for (const value of high) if (value !== null && (most === null || value > most)) most = value;
    return [least, most];
  }

  // What the numbers of a figure are multiplied by: one, unless they are greater than can be drawn.
  const scale = (figure) => Number(figure.dataset.scale ?? 1);

  function scaled(figure, [low, high, values]) {
    const [least, most] = extremes(low, high);
    const greatest = Math.max(Math.abs(least), Math.abs(most));
    figure.dataset.scale = greatest < GREAT ? 1 : 2 ** (20 - Math.ceil(Math.log2(greatest)));
    if (greatest < GREAT) return [low, high, values];
    return [low, high, values].map((line) => line.map((value) => value && value * scale(figure)));
  }

  function draw() {
    const missing = [];
    let coming = false;
    for (const figure of grid.querySelectorAll("[data-attribute]")) {
      const name = figure.dataset.attribute;
      const plot = figure.querySelector(".chart-plot");
      const [times, ...lines] = separate(name);
      figure.hidden = !times.length;
      if (figure.hidden) {
        if (handoverIsComing(name, data.from)) coming = true;
        else missing.push(figure.dataset.label);
        continue;
      }
      const columns = [times, ...scaled(figure, lines)];
      if (charts.has(name)) charts.get(name).setData(columns);
      else charts.set(name, new uPlot(options(figure, plot), columns, plot));
      read(figure, charts.get(name));
    }
    tell(missing, coming);
  }

  // What is not drawn, and what a point stands for.
  function tell(missing, coming) {
    const none = !grid.querySelector("[data-attribute]:not([hidden])");
    grid.classList.toggle("is-empty", none);
    document.getElementById("charts-empty").hidden = !none || coming;
    const some = document.getElementById("charts-missing");
    some.hidden = none || !missing.length;
    some.textContent = `Not reported in this time range: ${missing.join(", ")}.`;
    const note = document.getElementById("charts-note");
    note.hidden = none || !data.bucket;
    note.textContent = `Each point stands for ${duration(data.bucket)}: the line is the mean, the shade reaches from the lowest to the highest value.`;
  }

  function duration(seconds) {
    if (seconds < 90) return `${seconds} s`;
    return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${wholes.format(Math.round(seconds / 360) / 10)} h`;
  }

  async function load(query) {
    const url = new URL(grid.dataset.url, location.href);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const response = await fetch(url, { headers: { Accept: "application/json", "X-Background": "1" }, redirect: "error" });
    const body = await response.json();
    if (!response.ok) throw new Error(body.detail);
    return body;
  }

  // All of it. A last bucket may still be filling: it is left out, and its points asked for.
  async function replace() {
    const { from, to, bucket, times, values, low, high, gaps, longest_pause: pauses } = await load({ range: grid.dataset.range });
    const next = bucket ? times.pop() : (times.at(-1) ?? from - 1) + 1;
    data = { from, to, next, bucket, whole: next / 1000, judged: to, times: times.map((ms) => ms / 1000), lines: {}, gaps, pauses };
    for (const [name, value] of Object.entries(values)) {
      data.lines[name] = [low[name] || [...value], high[name] || [...value], value].map((line) => line.slice(0, times.length));
    }
  }

  // Only the points since the last one.
  async function append() {
    const { from, to, bucket, times, values } = await load({ from: data.next });
    if (bucket || data.times.length + times.length > MOST) return replace();
    data.times.push(...times.map((ms) => ms / 1000));
    for (const [name, lines] of Object.entries(data.lines)) for (const line of lines) line.push(...values[name]);
    Object.assign(data, { from: data.from + to - data.to, to, next: (times.at(-1) ?? from - 1) + 1 });
    if (Object.keys(data.lines).some(isSilent)) return replace();
  }

  // One request at a time; what is asked for meanwhile is done once after it.
  async function run(task) {
    if (busy) { again = true; return; }
    busy = true;
    try {
      await task();
      draw();
      say("");
    } catch (error) {
      say(`The charts could not be refreshed; they go on by themselves. ${error.message}`);
    }
    busy = false;
    if (again) { again = false; update(); }
  }

  function say(text) {
    const place = document.getElementById("charts-problem");
    place.textContent = text;
    place.hidden = !text;
  }

  update = () => { if (!document.hidden) run(data ? append : replace); };
  const anew = () => { if (!document.hidden) run(replace); };
  document.addEventListener("visibilitychange", anew);
  setInterval(anew, RELOAD);
  new MutationObserver(() => { for (const drawn of charts.values()) drawn.redraw(false); }).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  new ResizeObserver(() => {
    for (const drawn of charts.values()) drawn.setSize({ width: drawn.root.parentElement.clientWidth, height: drawn.root.parentElement.clientHeight });
  }).observe(grid);
  run(replace);
})();
