"use strict";
// One clock for a person: the time zone and the hours that the page names (`<html data-zone data-clock>`), everywhere.
window.handoverClock = (() => {
  const { zone, clock } = document.documentElement.dataset;
  const usual = { ...(zone && { timeZone: zone }), ...(clock && { hourCycle: clock === "12" ? "h12" : "h23" }) };
  const format = (options) => new Intl.DateTimeFormat("en", { ...options, ...usual });
  const year = format({ year: "numeric" });

  // With the year where it is another one than now.
  function dated(options) {
    const [short, long] = [format(options), format({ year: "numeric", ...options })];
    return { format: (moment) => (year.format(moment) === year.format(Date.now()) ? short : long).format(moment) };
  }

  const named = format({ timeZoneName: "short" });

  // Beside a choice of the time zone: that of this browser, where it is not chosen yet.
  for (const hint of document.querySelectorAll("[data-own-zone]")) {
    const choice = hint.closest("form").elements.time_zone;
    const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;
    const button = hint.querySelector("button");
    hint.hidden = own === zone || ![...choice.options].some(({ value }) => value === own);
    button.textContent = own.replaceAll("_", " ");
    button.addEventListener("click", () => { choice.value = own; hint.hidden = true; choice.focus(); });
  }

  const name = (moment) => named.formatToParts(moment).find(({ type }) => type === "timeZoneName").value;

  // Spans of time in words: how long, from when to when (milliseconds since the epoch), and where nothing was reported.
  const MOST_GAPS = 3;
  const exact = dated({ month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit" });

  function duration(ms) {
    const minutes = Math.round(ms / 60_000);
    if (ms < 90_000) return `${Math.max(1, Math.round(ms / 1000))} s`;
    if (minutes < 90) return `${minutes} min`;
    const hours = Math.round(minutes / 60);
    return hours < 72 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
  }

  const day = dated({ month: "short", day: "numeric" });
  const time = format({ hour: "numeric", minute: "2-digit", second: "2-digit" });

  function span(start, end) {
    const alike = day.format(start) === day.format(end) && name(start) === name(end);
    const begin = alike ? exact.format(start) : `${exact.format(start)} ${name(start)}`;
    return `${begin} to ${(alike ? time : exact).format(end)} ${name(end)} (${duration(end - start)})`;
  }

  function gaps(silent) {
    if (!silent.length) return "";
    const [before, shown] = [silent.slice(0, -MOST_GAPS), silent.slice(-MOST_GAPS)];
    const all = before.length ? `, ${duration(silent.reduce((sum, [start, end]) => sum + end - start, 0))} in all; the last` : "";
    return `${silent.length} gap${silent.length > 1 ? "s" : ""} without a report${all}: ${shown.map((gap) => span(...gap)).join("; ")}`;
  }

  return { zone, format, dated, name, duration, span, gaps };
})();
