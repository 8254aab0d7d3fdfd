"use strict";
(() => {
  const LEAST_PX = 6; // of a line that can be seen
  const EDGE = 0.001; // seconds from a gap's end
  const MOST = 1_500; // points in a chart
  const TINY = 1e-9;
  const HANDS = ["mousedown", "mouseup", "click", "dblclick", "mousemove", "mouseleave", "mouseenter"]; // are cursor.js's
  const GREAT = 1e15; // from here on a chart is drawn of smaller numbers: the axes know no greater ones

  const live = document.getElementById("live");
  const grid = document.getElementById("charts");
  const scope = () => live.firstElementChild?.dataset.scope;
  const before = scope();

  // In other hands now: nothing on this page holds any more.
  live.addEventListener("htmx:afterSettle", () => { if (scope() !== before) location.reload(); });

  // Whether the latest values have one of this attribute that belongs into what is drawn from then on: it is on its way.
  globalThis.handoverIsComing = (name, from) => {
    const time = live.querySelector(`[data-reading="${CSS.escape(name)}"] time`);
    const at = time ? Date.parse(time.dateTime) : NaN;
    return at >= from && at <= Date.now();
  };

  const charts = new Map();
  // { next: milliseconds, times: seconds, lines: { name: [low, high, value] }, gaps: { name: [[from, to]] },
  // pauses: { name: milliseconds that are none yet } }
  let [data, drawn] = [null, null]; // what there is, and the version of it that is drawn
  let widest = 48; // of the numbers beside all charts, so that their times stand below one another
  if (!grid || !window.uPlot || !window.handoverHistory) return;
  const { root, load, settle, surface, shown } = handoverHistory;

  const colour = (name) => () => getComputedStyle(grid).getPropertyValue(name).trim();
  const wholes = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });
  const smalls = new Intl.NumberFormat("en", { maximumSignificantDigits: 5 });
  const fixed = (decimals) => new Intl.NumberFormat("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  const { format, dated, duration, name: zoneName, gaps: describeGaps } = handoverClock;
  const clock = format({ hour: "numeric", minute: "2-digit" });
  const second = format({ hour: "numeric", minute: "2-digit", second: "2-digit" });
  const minute = dated({ month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
  const exact = dated({ month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit" });
  const full = new Intl.DateTimeFormat("en", { timeZone: handoverClock.zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const MIDNIGHT = /^00:00/;
  const day = format({ month: "short", day: "numeric" });
  const month = format({ month: "short", year: "numeric" });
  const moment = (seconds) => `${exact.format(seconds * 1000)} ${zoneName(seconds * 1000)}`;

  const minus = (text) => text.replaceAll("-", "\u2212");

  // When a value came; one of a bucket, in which span of time.
  function spoken(seconds) {
    return data.bucket && seconds < data.whole ? `in the ${duration(1000 * data.bucket)} from ${minute.format(seconds * 1000)} ${zoneName(seconds * 1000)}` : moment(seconds);
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
    const words = whole > 300 * 86400 ? month : whole > 2 * 86400 ? day : whole > 600 ? clock : second;
    return splits.map((at) => (words === clock && MIDNIGHT.test(full.format(at * 1000)) ? day : words).format(at * 1000));
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
      cursor: { x: false, y: false, drag: { x: false, y: false }, points: { size: 7 }, bind: Object.fromEntries(HANDS.map((kind) => [kind, () => null])) },
      tzDate: (at) => (handoverClock.zone ? uPlot.tzDate(new Date(at * 1000), handoverClock.zone) : new Date(at * 1000)),
      scales: { x: { range: reach }, y: { range: (_, low, high) => bounds(figure, low, high) } },
      axes: [axis({ size: 26, space: 64, values: ticks }), axis({ size: room, space: 32, values: (_, splits) => splits.map((value) => number(value / scale(figure))) })],
      series: [{}, edge, edge, line],
      bands: [{ series: [2, 1], fill: colour("--chart-band") }],
      hooks: { draw: [(plot) => limits(figure, plot)] },
    };
  }

  // As wide as the longest number of all charts.
  function room(_, labels) {
    const own = 14 + 6.5 * Math.max(0, ...(labels ?? []).map((label) => label.length));
    if (own > widest) {
      widest = Math.ceil(own);
      root.style.setProperty("--plot-left", `${widest}px`);
      queueMicrotask(() => { for (const plot of charts.values()) plot.redraw(false, true); });
    }
    return widest;
  }

  // The time range that was asked for, whatever there is of it.
  const reach = () => [shown().from / 1000, shown().to / 1000];

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
  function isSilent({ times, values }) {
    return Object.entries(data.lines).some(([name, [, , line]]) => {
      let last = data.times.findLast((at, n) => line[n] !== null && (!data.bucket || at >= data.whole));
      return times.some((ms, n) => {
        if (values[name][n] === null) return false;
        const silent = last !== undefined && ms > data.judged && ms - 1000 * last > data.pauses[name];
        last = ms / 1000;
        return silent;
      });
    });
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

  // Below the chart its lowest and highest value, and where nothing was reported.
  function describe(figure, plot) {
    const [times, low, high] = plot.data;
    const named = [["Lowest", low, (a, b) => a < b], ["Highest", high, (a, b) => a > b]].map(([word, line, beats]) => {
      const where = line.reduce((best, value, n) => (value !== null && (best < 0 || beats(value, line[best])) ? n : best), -1);
      return where < 0 ? "" : `${word} ${number(line[where] / scale(figure), figure)} (${spoken(times[where])})`;
    });
    const words = named.filter(Boolean).join(" · ") || "Not reported in this time range.";
    const silent = describeGaps(data.gaps[figure.dataset.attribute].filter(([, end]) => end > shown().from));
    for (const [place, text] of [[".chart-extremes", words], [".chart-gaps", silent]]) {
      const part = figure.querySelector(place);
      if (part.textContent !== text) part.textContent = text;
    }
    plot.root.parentElement.setAttribute("aria-label", `Chart of ${figure.dataset.label} ${figure.dataset.unit}: ${words}${silent && ` · ${silent}`}`);
  }

  // What a chart has at a moment: its nearest value, unless it was silent then.
  function find(plot, name, ms) {
    const [times, , , values] = plot.data;
    const at = ms / 1000;
    const after = times.findIndex((each) => each >= at);
    const around = (after < 0 ? [times.length - 1] : [after - 1, after]).filter((n) => times[n] !== undefined);
    const near = around.reduce((a, b) => (Math.abs(times[b] - at) < Math.abs(times[a] - at) ? b : a), around[0] ?? 0);
    const far = Math.max(data.pauses[name] ?? 0, 1000 * data.bucket);
    return values[near] !== undefined && values[near] !== null && 1000 * Math.abs(times[near] - at) <= far ? near : -1;
  }

  function words(figure, plot, n, ms) {
    if (n < 0) {
      const gap = data.gaps[figure.dataset.attribute].find(([start, end]) => start < ms && ms < end);
      return gap ? `no report for ${duration(gap[1] - gap[0])}` : "no report";
    }
    const [times, low, high, values] = plot.data.map((column) => column[n]);
    const show = (value) => number(value / scale(figure), figure);
    const unit = figure.dataset.unit && ` ${figure.dataset.unit}`;
    const reaches = low < high ? ` (${show(low)} to ${show(high)})` : "";
    const then = !data.bucket && Math.abs(1000 * times - ms) > 1000 ? `, ${second.format(1000 * times)}` : "";
    return `${show(values)}${unit}${reaches}${then}`;
  }

  function read(ms) {
    const told = [];
    for (const figure of grid.querySelectorAll("[data-attribute]:not([hidden])")) {
      const plot = charts.get(figure.dataset.attribute);
      if (!plot) continue;
      const n = ms === null ? -1 : find(plot, figure.dataset.attribute, ms);
      const text = ms === null ? "" : words(figure, plot, n, ms);
      const output = figure.querySelector("output");
      if (output.textContent !== text) output.textContent = text;
      plot.setCursor({ left: n < 0 ? -10 : plot.valToPos(plot.data[0][n], "x"), top: n < 0 ? -10 : 0 }, false);
      if (text) told.push([figure.dataset.label, text]);
    }
    return told;
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

  // What was drawn once stays where it is, though it may be empty.
  function draw() {
    if (!data) return;
    const [missing, anew] = [[], drawn !== data.version];
    drawn = data.version;
    let coming = false;
    for (const figure of grid.querySelectorAll("[data-attribute]")) {
      const name = figure.dataset.attribute;
      const plot = figure.querySelector(".chart-plot");
      if (!anew) {
        charts.get(name)?.setScale("x", { min: reach()[0], max: reach()[1] });
        continue;
      }
      const [times, ...lines] = separate(name);
      figure.hidden = !times.length && !charts.has(name);
      if (figure.hidden) {
        if (handoverIsComing(name, shown().from)) coming = true;
        else missing.push(figure.dataset.label);
        continue;
      }
      const columns = times.length ? [times, ...scaled(figure, lines)] : [reach(), ...Array(3).fill([null, null])];
      if (charts.has(name)) charts.get(name).setData(columns);
      else {
        charts.set(name, new uPlot(options(figure, plot), columns, plot));
        surface(charts.get(name).over);
      }
      describe(figure, charts.get(name));
    }
    if (anew) tell(missing, coming);
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
    note.textContent = `Each point stands for ${duration(1000 * data.bucket)}: the line is the mean, the shade reaches from the lowest to the highest value.`;
  }

  // All of it. A last bucket may still be filling, where the range is up to now: it is left out, and its points asked for.
  async function replace(query) {
    const answer = await load(grid.dataset.url, query);
    return () => {
      const { from, to, kept, bucket, times, values, low, high, gaps, longest_pause: pauses } = answer;
      const fills = bucket && handoverHistory.isLive();
      const next = fills ? times.pop() ?? from : (times.at(-1) ?? from - 1) + 1;
      data = { version: {}, next, bucket, whole: next / 1000, judged: to, times: times.map((ms) => ms / 1000), lines: {}, gaps, pauses };
      for (const [name, value] of Object.entries(values)) {
        data.lines[name] = [low[name] || [...value], high[name] || [...value], value].map((line) => line.slice(0, times.length));
      }
      settle({ from, to, kept });
    };
  }

  // Only the points since the last one, unless that changes more.
  async function append(query) {
    const answer = await load(grid.dataset.url, { from: data.next });
    const { from, to, kept, bucket, times, values } = answer;
    if (bucket || data.times.length + times.length > MOST || isSilent(answer)) return replace(query);
    return () => {
      data.times.push(...times.map((ms) => ms / 1000));
      for (const [name, lines] of Object.entries(data.lines)) for (const line of lines) line.push(...values[name]);
      data.next = (times.at(-1) ?? from - 1) + 1;
      data.version = {};
      settle({ from: shown().from + to - shown().to, to, kept });
    };
  }

  function fail(words) {
    const place = document.getElementById("charts-problem");
    place.textContent = words && `The charts could not be refreshed. ${words}`;
    place.hidden = !words;
  }

  handoverHistory.views.push({
    fetch: (query, anew) => (anew || !data ? replace(query) : append(query)),
    draw, read, fail,
    times: () => (data ? Object.keys(data.lines).flatMap((name) => (charts.has(name) ? [stops(name)] : [])) : []),
  });

  // Where the cursor stops: at values.
  const stops = (name) => data.times.filter((_, n) => data.lines[name][2][n] !== null).map((seconds) => Math.round(1000 * seconds));

  new MutationObserver(() => { for (const plot of charts.values()) plot.redraw(false); }).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  new ResizeObserver(() => {
    for (const plot of charts.values()) plot.setSize({ width: plot.root.parentElement.clientWidth, height: plot.root.parentElement.clientHeight });
  }).observe(grid);
})();
