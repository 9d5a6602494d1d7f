// A child process that builds a zoo from dist, to be killed: node builder.js FOLDER OPTIONS, options as JSON.
import { folderStore } from "../../dist/node/folder-store.js";
import { buildZoo } from "../../dist/node/build-zoo.js";

const [folder, options] = process.argv.slice(2);
const events = buildZoo({ ...JSON.parse(options), store: folderStore(folder) });
for await (const event of events) process.stdout.write(`${JSON.stringify(event)}\n`);
