"use strict";
// A browser that is to be told of what needs attention: it subscribes at its own push service with the site's key, and
// the form says where and with which keys it is reached.
(() => {
  const form = document.querySelector("[data-push]");
  const said = (what) => { for (const each of document.querySelectorAll("[data-push-says]")) each.hidden = each.dataset.pushSays !== what; };
  const button = form.querySelector("button");
  const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

  if (!globalThis.isSecureContext) return said("insecure");
  if (!("serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis)) return said("unable");
  if (Notification.permission === "denied") return said("denied");
  said("");
  form.hidden = false;
  const ready = () => navigator.serviceWorker.ready;
  mark();

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    said("");
    try {
      if (await Notification.requestPermission() !== "granted") return said("denied");
      const { endpoint, keys } = await subscribe(await (await ready()).pushManager.getSubscription());
      for (const [name, value] of Object.entries({ endpoint, ...keys })) form.elements[name].value = value;
      form.submit();
    } catch {
      said("failed");
    } finally {
      button.disabled = false;
    }
  });

  // A subscription belongs to the key that it was made with: another one is made anew.
  async function subscribe(known) {
    const answer = await fetch(form.dataset.push, { method: "POST", body: new FormData(form) });
    const { key } = await answer.json();
    if (known && base64(known.options.applicationServerKey) !== key) await known.unsubscribe();
    const bytes = Uint8Array.from(atob(key.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
    const made = await (await ready()).pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes });
    const { endpoint } = made;
    return { endpoint, keys: { p256dh: base64(made.getKey("p256dh")), auth: base64(made.getKey("auth")) } };
  }

  // Which of the browsers is this one; removed here, it is reached no more.
  async function mark() {
    const here = await (await ready()).pushManager.getSubscription();
    if (!here) return;
    const digest = hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(here.endpoint)));
    const row = document.querySelector(`[data-push-browser="${digest}"]`);
    if (!row) return;
    row.querySelector("[data-push-this]").hidden = false;
    row.querySelector("form").addEventListener("submit", () => { here.unsubscribe(); });
    form.hidden = true;
  }
})();
