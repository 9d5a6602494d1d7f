// Builds the page and serves it at localhost until it is stopped. `npm run page`; `--port 8080` serves it elsewhere.

import { parseArgs } from "node:util";
import { buildPage, servePage } from "./page.js";

const { values } = parseArgs({ options: { port: { type: "string", default: "4173" } } });
const port = Number(values.port);
if (!Number.isInteger(port) || port < 1 || port > 65_535) {
  console.error(`page: --port ${values.port}: expected a whole number from 1 to 65535`);
  process.exit(2);
}
console.log(`built ${await buildPage()}`);
const { address } = await servePage({ port });
console.log(`${address}  (Ctrl-C ends it)`);
