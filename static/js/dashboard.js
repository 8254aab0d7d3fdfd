"use strict";
(() => {
  const RELOAD = 300_000; // all of a chart anew: late reports, and buckets of the right width
  const MOST = 1_500; // points in a chart
  const GREAT = 1e15; // from here on a chart is drawn of smaller numbers: the axes know no greater ones

  const live = document.getElementById("live");
  const grid = document.getElementById("charts");
  const scope = () => live.firstElementChild?.dataset.scope;
  const before = scope();

  live.addEventListener("htmx:afterSettle", () => {
    if (scope() !== before) location.reload(); // in other hands now: nothing on this page holds any more
    else update();
  });

  const charts = new Map();
  let data = null; // { from, to, next: milliseconds, times: seconds, lines: { name: [low, high, value] } }
  let busy = false;
  let again = false;
  let update = () => {};
  if (!grid || !window.uPlot) return;

  const colour = (name) => () => getComputedStyle(grid).getPropertyValue(name).trim();
  const plain = new Intl.NumberFormat("en", { maximumSignificantDigits: 5, useGrouping: false });
  const number = { format: (value) => (Math.abs(value) < GREAT ? plain.format(value) : value.toExponential(3)) };
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
  const second = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  const exact = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

  function ticks(plot, splits) {
    const whole = plot.scales.x.max - plot.scales.x.min;
    const shown = whole > 2 * 86400 ? day : whole > 600 ? clock : second;
    return splits.map((at) => shown.format(at * 1000));
  }

  function axis(more) {
    return { stroke: colour("--chart-text"), font: `11px ${getComputedStyle(grid).fontFamily}`, grid: { stroke: colour("--chart-grid"), width: 1 }, ticks: { show: false }, ...more };
  }

  function options(figure, plot) {
    const line = { stroke: colour("--chart-line"), width: 1.5, points: { size: 4, width: 0, fill: colour("--chart-line") }, spanGaps: true };
    const edge = { stroke: "transparent", width: 0, points: { show: false }, spanGaps: true };
    return {
      width: plot.clientWidth,
      height: plot.clientHeight,
      padding: [8, 18, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { x: { range: reach }, y: { range: bounds } },
      axes: [axis({ size: 26, space: 64, values: ticks }), axis({ size: 48, space: 32, values: (_, splits) => splits.map((value) => number.format(value / scale(figure))) })],
      series: [{}, edge, edge, line],
      bands: [{ series: [2, 1], fill: colour("--chart-band") }],
      hooks: { setCursor: [(drawn) => read(figure, drawn)], draw: [(drawn) => limits(figure, drawn)] },
    };
  }

  // The time range; of a device that has only just begun to report, what there is of it.
  function reach() {
    const [from, to, first] = [data.from / 1000, data.to / 1000, data.times[0]];
    return [first > to - (to - from) / 4 ? Math.max(from, Math.min(first, to - 60)) : from, to];
  }

  function bounds(_, low, high) {
    if (low === null) return [0, 1];
    const room = (high - low) * 0.12 || Math.abs(high) * 0.05 || 1;
    return [low >= 0 && low < room ? 0 : low - room, high + room];
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

  // What the pointer is at, else the range shown.
  function read(figure, drawn) {
    const [times, low, high, values] = drawn.data;
    const output = figure.querySelector("output");
    const at = drawn.cursor.idx;
    if (at !== null && at !== undefined && values[at] !== null) {
      output.textContent = `${number.format(values[at] / scale(figure))} · ${exact.format(times[at] * 1000)}`;
      return;
    }
    const [least, most] = extremes(low, high).map((value) => value && value / scale(figure));
    output.textContent = least === null ? "no values" : `${number.format(least)} … ${number.format(most)}`;
    drawn.root.parentElement.setAttribute("aria-label", `Chart of ${figure.dataset.label}: ${output.textContent} ${figure.dataset.unit}`);
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
    grid.hidden = !data.times.length;
    document.getElementById("charts-empty").hidden = Boolean(data.times.length);
    for (const figure of grid.querySelectorAll("[data-attribute]")) {
      const name = figure.dataset.attribute;
      const plot = figure.querySelector(".chart-plot");
      const columns = [data.times, ...scaled(figure, data.lines[name])];
      if (charts.has(name)) charts.get(name).setData(columns);
      else charts.set(name, new uPlot(options(figure, plot), columns, plot));
      read(figure, charts.get(name));
    }
  }

  async function load(query) {
    const url = new URL(grid.dataset.url, location.href);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const response = await fetch(url, { headers: { Accept: "application/json", "X-Background": "1" }, redirect: "error" });
    const body = await response.json();
    if (!response.ok) throw new Error(body.error);
    return body;
  }

  // All of it. A last bucket may still be filling: it is left out, and its points asked for.
  async function replace() {
    const { from, to, bucket, times, values, low, high } = await load({ range: grid.dataset.range });
    const next = bucket ? times.pop() : (times.at(-1) ?? from - 1) + 1;
    data = { from, to, next, times: times.map((ms) => ms / 1000), lines: {} };
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
