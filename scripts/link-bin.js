// Puts this package's own command into node_modules/.bin, so that `npx weightspace` in a clone runs it directly instead
// of installing the clone into npm's cache, which two calls at once can break.

import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

if (existsSync(at("node_modules"))) {
  try {
    mkdirSync(at("node_modules/.bin"), { recursive: true });
    rmSync(at("node_modules/.bin/weightspace"), { force: true });
    symlinkSync("../../bin/weightspace.js", at("node_modules/.bin/weightspace"));
    chmodSync(at("bin/weightspace.js"), 0o755);
  } catch (error) {
    console.warn(`npx will take its slower way: ${error.message}`); // no symbolic links on this system
  }
}
