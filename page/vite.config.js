// How the page is built: a folder of static files, all of them listed in its service worker.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Headers under which a browser gives a page shared memory, and with it threads. */
export const isolation = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** Writes `service-worker.js` with the names of all files of the build. */
const serviceWorker = () => ({
  name: "service-worker",
  generateBundle(_, bundle) {
    const code = readFileSync(here("src/offline/service-worker.js"), "utf8");
    const files = Object.keys(bundle).filter((name) => !name.endsWith(".map"));
    const hash = createHash("sha256").update(code);
    for (const name of files.sort()) {
      const { code: text, source } = bundle[name];
      hash.update(name).update(text ?? source);
    }
    const version = hash.digest("hex").slice(0, 16);
    const head = `const version = ${JSON.stringify(version)};\nconst files = ${JSON.stringify(["./", ...files])};\n`;
    this.emitFile({ type: "asset", fileName: "service-worker.js", source: head + code });
  },
});

/** How long plugins took says nothing about the page. */
const quiet = { checks: { pluginTimings: false } };

export default defineConfig({
  root: here("."),
  base: "./",
  // The runtime without the code for graphics cards: the proof runs on one thread of WebAssembly.
  resolve: { alias: [{ find: /^onnxruntime-web$/, replacement: "onnxruntime-web/wasm" }] },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "es", rolldownOptions: quiet },
  build: {
    outDir: here("dist"),
    rolldownOptions: quiet,
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
    modulePreload: { polyfill: false },
  },
  plugins: [serviceWorker()],
  preview: { headers: isolation },
  server: { headers: isolation },
});
