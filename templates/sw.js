"use strict";
// Keeps the look of the site, an honest offline page and, where a page asks for it, the scanner; never a page of a
// signed-in user. Shows what the site tells this browser by web push.
const CACHE = "handover-{{ version }}";
const OFFLINE = "{{ offline }}";
const FILES = [{% for file in files %}"{{ file|escapejs }}", {% endfor %}];
const SCANNER = [{% for file in scanner %}"{{ file|escapejs }}", {% endfor %}];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([...FILES, OFFLINE])).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const drop = (names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
  // A page is asked for while this script is still starting, which takes a slow phone half a second.
  const preload = self.registration.navigationPreload?.enable();
  event.waitUntil(Promise.all([preload, caches.keys().then(drop).then(() => self.clients.claim())]));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") {
    event.respondWith(navigate(event).catch(() => caches.match(OFFLINE)));
  } else if ([...FILES, ...SCANNER].includes(new URL(request.url).pathname)) {
    event.respondWith(caches.match(request).then((kept) => kept || fetch(request)));
  }
});

async function navigate(event) {
  return (await event.preloadResponse) || fetch(event.request);
}

// One after the other, so that a weak signal has room for the page's own requests.
async function fetchAhead() {
  const cache = await caches.open(CACHE);
  for (const file of SCANNER) if (!(await cache.match(file))) await cache.add(file);
}

// What needs attention: a line, and the page of this site that shows it.
self.addEventListener("push", (event) => {
  const { title, path } = event.data.json();
  event.waitUntil(self.registration.showNotification(title, { data: path, tag: path, renotify: true, icon: "{{ icon }}" }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(new URL(event.notification.data, self.location.origin)));
});

async function show(address) {
  if (address.origin !== self.location.origin) return;
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = pages.find((page) => page.url === address.href);
  await (there ? there.focus() : self.clients.openWindow(address.href));
}

self.addEventListener("message", (event) => {
  if (event.data === "scanner") event.waitUntil(fetchAhead().catch(() => {}));
});
