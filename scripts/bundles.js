// Bundles every subpath that runs in a browser, with esbuild and with Vite, and holds the size of each to a budget.
// `node scripts/bundles.js` prints the sizes; `--write` makes them, with a tenth on top, the budget.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build as esbuild } from "esbuild";
import { build as viteBuild, createLogger } from "vite";
import { root } from "./sources.js";
import { subpaths } from "./support/public-surface.js";

const budgetFile = join(root, "scripts/bundle-budget.json");

/** The subpaths that promise to run in a browser: all but Node's own. */
export const browserSubpaths = () =>
  subpaths().filter(({ subpath }) => subpath !== "weightspace/node");

/** Bytes of each subpath that a bundle may have after gzip, all its pieces together. */
export const budgets = () => JSON.parse(readFileSync(budgetFile, "utf8"));

const moduleOf = (file) => join(root, file.replace(/\.d\.ts$/, ".js"));

const bytesOf = (contents) => gzipSync(contents).length;

/** Bundles a module with esbuild for browsers: warnings as text, and bytes after gzip. */
export async function bundleWithEsbuild(file) {
  const { warnings, outputFiles } = await esbuild({
    entryPoints: [moduleOf(file)],
    bundle: true,
    platform: "browser",
    format: "esm",
    minify: true,
    splitting: true,
    write: false,
    outdir: join(root, "dist"),
    logLevel: "silent",
  });
  const bytes = outputFiles.reduce((sum, { contents }) => sum + bytesOf(contents), 0);
  return { warnings: warnings.map(({ text }) => text), bytes };
}

/** Bundles a module with Vite as a library: warnings as text, and its files. */
export async function bundleWithVite(file, outDir) {
  const warnings = [];
  const note = (text) => warnings.push(text);
  const logger = { ...createLogger("silent"), warn: note, warnOnce: note, error: note };
  await viteBuild({
    root,
    configFile: false,
    publicDir: false,
    customLogger: logger,
    plugins: [
      {
        name: "node-modules",
        // Vite puts an empty module in place of Node's own and says nothing.
        generateBundle() {
          for (const id of this.getModuleIds())
            if (id.includes("browser-external")) note(`${id}: a module of Node is imported`);
        },
      },
    ],
    build: {
      outDir,
      emptyOutDir: true,
      target: "es2023",
      copyPublicDir: false,
      lib: { entry: moduleOf(file), formats: ["es"], fileName: "bundle" },
      // How long plugins took says nothing about the bundle.
      rolldownOptions: { checks: { pluginTimings: false } },
    },
  });
  return { warnings };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const sizes = {};
  for (const { subpath, file } of browserSubpaths()) {
    const { warnings, bytes } = await bundleWithEsbuild(file);
    sizes[subpath] = bytes;
    console.log(`${subpath.padEnd(24)} ${(bytes / 1000).toFixed(1).padStart(7)} kB gzip`);
    for (const warning of warnings) console.log(`  warning: ${warning}`);
  }
  if (process.argv.includes("--write")) {
    const budget = Object.entries(sizes).map(([k, n]) => [k, Math.ceil((1.1 * n) / 1000) * 1000]);
    writeFileSync(budgetFile, `${JSON.stringify(Object.fromEntries(budget), null, 2)}\n`);
  }
}
