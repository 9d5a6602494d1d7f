// Registers the service worker once the page has been painted, and tells when everything is kept on this machine.

/** `kept`: all files are here; `keeping`: they are being fetched; `none`: this browser or host does not keep them. */
export type OfflineState = "keeping" | "kept" | "none";

/** Tells the state now and whenever it changes. Only the built page has a service worker. */
export function keepOffline(onState: (state: OfflineState) => void): void {
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) {
    onState("none");
    return;
  }
  onState(navigator.serviceWorker.controller === null ? "keeping" : "kept");
  const register = () =>
    navigator.serviceWorker
      .register(new URL("service-worker.js", document.baseURI))
      .then(() => navigator.serviceWorker.ready)
      .then(
        () => onState("kept"),
        () => onState("none"),
      );
  // After the first paint, so that it takes nothing from it.
  requestAnimationFrame(() => setTimeout(() => void register(), 300));
}
