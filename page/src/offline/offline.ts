// Registers the service worker once the page has been painted, and tells when everything is kept on this machine.

/** `kept`: all files are here; `keeping`: they are being fetched; `none`: this browser or host does not keep them. */
export type OfflineState = "keeping" | "kept" | "none";

/** Fetching may fail once, on a bad connection; it is tried again this often. */
const tries = 3;
const wait = 2000;

/** Whether a worker that is being installed has come to keep everything. */
function settled(worker: ServiceWorker): Promise<boolean> {
  return new Promise((resolve) => {
    const look = () => {
      if (worker.state === "activated") resolve(true);
      if (worker.state === "redundant") resolve(false);
    };
    worker.addEventListener("statechange", look);
    look();
  });
}

async function keepAll(): Promise<OfflineState> {
  for (let attempt = 0; attempt < tries; attempt++) {
    const registration = await navigator.serviceWorker.register(
      new URL("service-worker.js", document.baseURI),
    );
    const { installing, waiting, active } = registration;
    const worker = installing ?? waiting ?? active;
    if (worker !== null && (await settled(worker))) return "kept";
    if (active !== null) return "kept"; // the version before is whole, only the new one is not
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
  return "none";
}

/** Tells the state now and whenever it changes. Only the built page has a service worker. */
export function keepOffline(onState: (state: OfflineState) => void): void {
  if (!("serviceWorker" in navigator)) {
    onState("none");
    return;
  }
  onState(navigator.serviceWorker.controller === null ? "keeping" : "kept");
  const keep = () => {
    keepAll().then(onState, () => onState("none"));
  };
  // After the first paint, so that it takes nothing from it.
  requestAnimationFrame(() => setTimeout(keep, 300));
}
