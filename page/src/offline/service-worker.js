// The service worker of the page: keeps every file of the build, and answers from what it kept. The build puts `version`
// and `files` before this text.
/* global version, files */

const kept = `weightspace-${version}`;

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(kept)
      .then(keepAll)
      .then(() => self.skipWaiting()),
  );
});

/** One file after the other, so that what a reader waits for comes first; past the browser's own cache, which would make both wait for each other. */
async function keepAll(cache) {
  for (const name of files) await cache.add(new Request(name, { cache: "no-store" }));
}

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) =>
        Promise.all(
          names
            .filter((name) => name.startsWith("weightspace-") && name !== kept)
            .map((name) => caches.delete(name)),
        ),
      )
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== self.location.origin) return;
  event.respondWith(
    caches
      .open(kept)
      .then((cache) => cache.match(request, { ignoreSearch: true, ignoreVary: true }))
      .then((found) => found ?? fetch(request)),
  );
});
