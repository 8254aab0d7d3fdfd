"use strict";

const EVERY = 1000;
const main = document.querySelector("main[data-page]");

const setText = (root, name, value) => {
  for (const element of root.querySelectorAll(`[data-field="${name}"]`)) {
    if (element.textContent !== String(value)) element.textContent = value;
  }
};

const say = (text, failed) => {
  setText(main, "press", text);
  document.getElementById("outcome").classList.toggle("failed", failed);
};

const showGateway = (now) => {
  main.dataset.led = now.led;
  for (const name of ["connection", "reason", "buffered", "sent", "dropped"]) {
    setText(main, name, now[name]);
  }
  if (main.querySelector(".button").ariaDisabled !== "true") {
    say(now.press, Boolean(now.press) && !now.pressSent);
  }
  setText(main, "command", now.command ? `Last command: ${now.command}` : "");
  setText(main, "engineState", now.engineState);
  main.querySelector(".engine").dataset.engine = now.engineState;
  setText(main, "fault", now.fault === "none" ? "" : now.fault);
  for (const [name, value] of Object.entries(now.readout)) {
    main.querySelector(`[data-value="${name}"]`).textContent = value;
  }
  const plug = main.querySelector('[data-action="plug"]');
  plug.action = `/gateways/${now.serial}/${now.pluggedIn ? "unplug" : "plug-in"}`;
  plug.querySelector("button").textContent = now.pluggedIn ? "Unplug network" : "Plug network in";
};

const showList = (now) => {
  setText(main, "online", now.online);
  for (const gateway of now.gateways) {
    const row = main.querySelector(`[data-serial="${gateway.serial}"]`);
    if (!row) continue;
    row.dataset.led = gateway.led;
    setText(row, "connection", gateway.connection);
    setText(row, "engineState", gateway.engineState);
  }
};

const source = main?.dataset.page === "gateway"
  ? `/gateways/${main.dataset.serial}/state.json`
  : `/state.json${location.search}`;

const refresh = async () => {
  try {
    const answer = await fetch(source, { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(answer.statusText);
    const now = await answer.json();
    (main.dataset.page === "gateway" ? showGateway : showList)(now);
  } catch {
    main.dataset.led = "off";
    setText(main, "connection", "Simulator not running");
  }
};

const poll = async () => {
  if (!document.hidden) await refresh();
  setTimeout(poll, EVERY);
};

const post = async (form) => {
  const answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams(new FormData(form)) });
  return answer.json();
};

const onPress = async (form) => {
  const button = form.querySelector("button");
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  button.classList.add("held");
  say("Sending…", false);
  try {
    const result = await post(form);
    if (result.pressed) say("Press received by the broker.", false);
    else say(`Press refused: ${result.reason ?? result.error}`, true);
  } catch {
    say("Press refused: the simulator does not answer.", true);
  }
  await refresh();
  button.classList.remove("held");
  button.ariaDisabled = "false";
  document.getElementById("outcome").scrollIntoView({ block: "nearest", behavior: "smooth" });
};

main?.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.action) return;
  event.preventDefault();
  if (form.dataset.action === "press") return void (await onPress(form));
  await post(form).catch(() => {});
  await refresh();
});

main?.querySelector("[data-copy]")?.addEventListener("click", async ({ currentTarget: button }) => {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(main.querySelector(".sticker .serial"));
    button.textContent = "Selected: copy it";
  }
  setTimeout(() => { button.textContent = before; }, 1600);
});

main?.querySelector("#q")?.addEventListener("input", ({ target }) => {
  clearTimeout(target.timer);
  target.timer = setTimeout(() => target.form.requestSubmit(), 500);
});

if (main) poll();
