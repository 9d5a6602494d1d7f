// Builds the page, serves it as a static host would, and opens it in a browser of this machine.

import { join } from "node:path";
import { build, preview } from "vite";
import { root } from "../sources.js";

const folder = join(root, "page");
const configFile = join(folder, "vite.config.js");

/** Builds the page into a folder. @default page/dist */
export async function buildPage(outDir = join(folder, "dist")) {
  const { NODE_ENV } = process.env;
  process.env.NODE_ENV = "production"; // a test runner says otherwise
  try {
    await build({ configFile, logLevel: "warn", build: { outDir } });
  } finally {
    if (NODE_ENV === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = NODE_ENV;
  }
  return outDir;
}

/** Serves a built page, with isolation headers or as a host that sends none: its address, and a function that ends the server. */
export async function servePage({
  outDir = join(folder, "dist"),
  port = 4173,
  strict = false,
  isolated = true,
} = {}) {
  const server = await preview({
    ...(isolated ? { configFile } : { configFile: false, root: folder }),
    build: { outDir },
    preview: { port, strictPort: strict, host: "127.0.0.1", open: false },
  });
  const { httpServer } = server;
  return {
    address: `http://127.0.0.1:${httpServer.address().port}/`,
    close: async () => {
      httpServer.closeAllConnections?.();
      await server.close();
    },
  };
}
