"use strict";
// One cursor for all that is drawn of a device's history, and the hands on it: pointing, dragging, pinching, turning the wheel,
// and keys. What is drawn hands over its surfaces: elements as wide as the time range. Of views it asks `times()`, columns of
// milliseconds to stop at, and `read(ms)`: [label, words] of each chart, for which it shows the words by itself.
(() => {
  const { root, views, shown, zoomTo, zoom, pan, preview } = window.handoverHistory ?? {};
  if (!root) return;

  const DRAG_PX = 5; // below which it is a click
  const SPEAK_MS = 400; // without another step, until the values are said
  const JUMP = 0.1; // of the range
  const { dated, name: zoneName } = handoverClock;
  const find = (selector) => root.querySelector(selector);
  const surfaces = new Set();
  const slider = find("#history-cursor");
  const exact = dated({ month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit" });

  let at = null; // milliseconds, of a value
  let selected = null; // [from, to] while a range is dragged
  let speaking = 0;

  function place() {
    const range = shown();
    if (!range) return;
    const part = (ms) => (ms - range.from) / (range.to - range.from);
    for (const { line, shade } of surfaces) {
      line.hidden = at === null || part(at) < 0 || part(at) > 1;
      if (!line.hidden) line.style.left = `${100 * part(at)}%`;
      shade.hidden = !selected;
      if (selected) [shade.style.left, shade.style.width] = [`${100 * part(selected[0])}%`, `${100 * (part(selected[1]) - part(selected[0]))}%`];
    }
  }

  function set(ms) {
    at = ms;
    place();
    const read = views.toReversed().flatMap((view) => view.read(at)); // states stand above
    const range = shown();
    const words = at === null ? "" : `${exact.format(at)} ${zoneName(at)}`;
    find(".history-at").textContent = words;
    slider.setAttribute("aria-valuetext", words || "No time chosen");
    if (range) slider.setAttribute("aria-valuenow", at === null ? "100" : String(Math.round((100 * (at - range.from)) / (range.to - range.from))));
    clearTimeout(speaking);
    const spoken = at === null ? "" : `${words}: ${read.map((pair) => pair.join(" ")).join("; ")}`;
    speaking = setTimeout(() => { if (find("#history-values").textContent !== spoken) find("#history-values").textContent = spoken; }, SPEAK_MS);
  }

  // The value of any chart that is nearest to a moment; the next one in a direction.
  function nearest(ms) {
    let found = null;
    for (const column of views.flatMap((view) => view.times())) {
      const n = firstFrom(column, ms);
      for (const each of [column[n - 1], column[n]]) {
        if (each !== undefined && inside(each) && (found === null || Math.abs(each - ms) < Math.abs(found - ms))) found = each;
      }
    }
    return found;
  }

  function next(ms, direction) {
    let found = null;
    for (const column of views.flatMap((view) => view.times())) {
      const n = firstFrom(column, ms);
      const each = direction < 0 ? column[n - 1] : column[column[n] === ms ? n + 1 : n];
      if (each !== undefined && inside(each) && (found === null || (each - found) * direction < 0)) found = each;
    }
    return found;
  }

  const inside = (ms) => ms >= shown().from && ms <= shown().to;

  function firstFrom(column, ms) {
    let [low, high] = [0, column.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (column[middle] < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // Hands.
  function surface(element) {
    const line = document.createElement("i");
    const shade = document.createElement("i");
    line.className = "history-line";
    shade.className = "history-shade";
    line.hidden = shade.hidden = true;
    element.append(line, shade);
    surfaces.add({ line, shade });
    element.classList.add("history-surface");
    hold(element);
    place();
  }

  function hold(element) {
    const fingers = new Map(); // pointer: x
    let drag = null; // { x, ms, from, to, moves }
    let pinch = null; // { ids, moments }

    const left = () => element.getBoundingClientRect().left;
    const width = () => element.clientWidth || 1;
    const moment = (x) => shown().from + ((x - left()) / width()) * (shown().to - shown().from);
    const finish = () => { drag = null; selected = null; place(); };

    element.addEventListener("pointerdown", (event) => {
      if (event.button || !shown()) return;
      fingers.set(event.pointerId, event.clientX);
      if (event.pointerType === "mouse") {
        drag = { x: event.clientX, ...shown(), ms: moment(event.clientX), moves: event.shiftKey };
        element.setPointerCapture(event.pointerId);
      } else if (fingers.size === 2) {
        pinch = { moments: [...fingers.values()].map(moment) };
      } else set(nearest(moment(event.clientX)));
    });

    element.addEventListener("pointermove", (event) => {
      if (!shown()) return;
      if (fingers.has(event.pointerId)) fingers.set(event.pointerId, event.clientX);
      if (pinch) stretch();
      else if (drag && Math.abs(event.clientX - drag.x) > DRAG_PX) pull(event.clientX);
      else if (!drag) set(nearest(moment(event.clientX)));
    });

    function stretch() {
      const [a, b] = pinch.moments;
      const [x, y] = [...fingers.values()].map((each) => each - left());
      if (Math.abs(y - x) < 2 * DRAG_PX || (b - a) * (y - x) <= 0) return;
      const each = (b - a) / (y - x);
      preview(a - x * each, a - x * each + width() * each);
    }

    function pull(x) {
      if (drag.moves) {
        const by = ((x - drag.x) / width()) * (drag.to - drag.from);
        preview(drag.from - by, drag.to - by);
        return;
      }
      const { from, to } = shown();
      const end = Math.min(to, Math.max(from, moment(x)));
      selected = [Math.min(drag.ms, end), Math.max(drag.ms, end)];
      place();
    }

    function lift(event) {
      fingers.delete(event.pointerId);
      const [chosen, moved] = [selected, drag?.moves && event.type === "pointerup"];
      finish();
      if (pinch && fingers.size < 2) {
        pinch = null;
        zoomTo(shown().from, shown().to);
      } else if (chosen && event.type === "pointerup") zoomTo(...chosen);
      else if (moved) zoomTo(shown().from, shown().to);
    }

    element.addEventListener("pointerup", lift);
    element.addEventListener("pointercancel", lift);
    element.addEventListener("pointerleave", ({ pointerType }) => { if (pointerType === "mouse" && !drag) set(null); });
    // Two fingers are ours; one moves the page up and down.
    for (const kind of ["touchstart", "touchmove"]) element.addEventListener(kind, (event) => { if (event.touches.length > 1) event.preventDefault(); }, { passive: false });
    element.addEventListener("wheel", (event) => {
      if (!shown() || (!event.ctrlKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY))) return;
      event.preventDefault();
      if (event.ctrlKey) zoom(1.01 ** Math.max(-60, Math.min(60, event.deltaY)), moment(event.clientX), "wheel");
      else pan(event.deltaX / width(), "wheel");
    }, { passive: false });
    addEventListener("keydown", ({ key }) => { if (key === "Escape" && drag) finish(); });
  }

  const KEYS = {
    ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowDown: () => step(-1), ArrowUp: () => step(1),
    PageDown: () => jump(-1), PageUp: () => jump(1), Home: () => set(nearest(shown().from)), End: () => set(nearest(shown().to)),
    "+": () => zoom(0.5, at), "=": () => zoom(0.5, at), "-": () => zoom(2, at), Escape: () => set(null),
  };
  const step = (direction) => set(at === null ? nearest(direction > 0 ? shown().from : shown().to) : next(at, direction) ?? at);
  const jump = (direction) => set(nearest((at ?? shown().to) + direction * JUMP * (shown().to - shown().from)));

  slider.addEventListener("keydown", (event) => {
    if (!shown() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.shiftKey && ["ArrowLeft", "ArrowRight"].includes(event.key)) pan(event.key === "ArrowLeft" ? -0.25 : 0.25, "keys");
    else if (KEYS[event.key]) KEYS[event.key]();
    else return;
    event.preventDefault();
  });

  // What is drawn anew is read anew.
  const again = () => { if (at !== null && !inside(at)) set(null); else if (at !== null) set(at); else place(); };

  Object.assign(handoverHistory, { surface, cursor: () => at, drawn: again });
})();
