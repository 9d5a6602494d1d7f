// Milliseconds of the sliced distance, order 1, 100 directions, for the sizes on the command line, in a process of its own: Node
// reads whether products may round once when it starts. Prints how they round and the medians.

import { randomStream } from "../../dist/core/random.js";
import { hostArithmetic } from "../../dist/kernels/wasm/fused-multiply-add.js";
import { slicedWasserstein } from "../../dist/transport/index.js";
import { median } from "./median.js";

const { sizes, rounds } = JSON.parse(process.argv[2]);
const cases = sizes.map(({ n, d }, i) => {
  const random = randomStream(1);
  const numbers = (count) => Float64Array.from({ length: count }, () => random.normal());
  const [x, y] = [0, 1].map(() => ({ shape: [n, d], data: numbers(n * d) }));
  const projections = Array.from({ length: d }, () => [...numbers(100)]);
  const taken = [];
  for (let round = 0; round < 2 * rounds[i]; round++) {
    const began = performance.now();
    slicedWasserstein(x, y, { p: 1, projections });
    taken.push(performance.now() - began);
  }
  return { n, d, sw: median(taken.slice(rounds[i])) };
});
console.log(JSON.stringify({ arithmetic: hostArithmetic(), cases }));
