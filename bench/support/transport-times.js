// Milliseconds of distances of plain arrays, 100 directions, for the sizes on the command line, in a process of its own: Node reads
// whether products may round once when it starts. On one core, or on all. Prints how they round and the medians.

import { hostArithmetic } from "../../dist/kernels/wasm/fused-multiply-add.js";
import { startEngine } from "../../dist/node/threads/start-engine.js";
import * as transport from "../../dist/transport/index.js";
import { medianTimes } from "./median.js";
import { problemOf } from "./transport-problem.js";

const { sizes, rounds, allCores = false } = JSON.parse(process.argv[2]);
if (allCores) await startEngine(); // it lets kernels run on them
const cases = [];
for (const [i, size] of sizes.entries()) {
  const { x, y, sliced, tree } = problemOf(size, transport.sampleTrees);
  const [sw, tsw, swGradient, tswGradient] = await medianTimes(rounds[i], [
    () => transport.slicedWasserstein(x, y, sliced),
    () => transport.treeSlicedWasserstein(x, y, tree),
    () => transport.slicedWassersteinGradient(x, y, sliced),
    () => transport.treeSlicedWassersteinGradient(x, y, tree),
  ]);
  cases.push({ ...size, sw, tsw, swGradient, tswGradient });
}
console.log(JSON.stringify({ node: process.versions.node, arithmetic: hostArithmetic(), cases }));
