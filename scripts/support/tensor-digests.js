// Prints, for a file of weights, how long it took, the memory in the end, and a digest of every tensor's numbers in float64, as JSON.
// `node scripts/support/tensor-digests.js FILE`, after `npm run build`.

import { createHash } from "node:crypto";
import { openWeights } from "../../dist/node/open-weights.js";

const began = process.cpuUsage();
const source = await openWeights(process.argv[2]);
const tensors = {};
for (const name of source.entries.keys()) {
  const { shape, data } = await source.read(name);
  const numbers = Float64Array.from(data);
  tensors[name] = { shape, digest: createHash("sha256").update(numbers).digest("hex") };
}
const { user, system } = process.cpuUsage(began);
const { format, taken } = source;
await source.close();
console.log(
  JSON.stringify({
    format,
    key: taken?.key ?? "",
    unread: taken?.unread.reduce((sum, { count }) => sum + count, 0) ?? 0,
    milliseconds: Math.round((user + system) / 1000),
    mebibytes: Math.round(process.memoryUsage.rss() / 2 ** 20),
    tensors,
  }),
);
