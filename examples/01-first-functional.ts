// A first functional: describe the weights of a network, build a model that reads them, ask it for a number.
// Run: npm run build && node examples/01-first-functional.ts (Node 22.18 or newer runs TypeScript as it is).

import { defineSpec, printSpec } from "weightspace";
import { startEngine } from "weightspace/engine";
import { unf } from "weightspace/models";
import { randomWeights, toBatch } from "weightspace/testing";

// Two dense layers, 8 -> 16 -> 3. The hidden neurons may be listed in any order; inputs and outputs may not.
const spec = defineSpec({
  axes: {
    in: { size: 8, group: "fixed" },
    h: { size: 16, group: "permutation" },
    out: { size: 3, group: "fixed" },
  },
  tensors: {
    "fc1.weight": ["h", "in"],
    "fc1.bias": ["h"],
    "fc2.weight": ["out", "h"],
    "fc2.bias": ["out"],
  },
});
console.log(printSpec(spec));

// Arrays live in the engine, which starts once.
await startEngine();

// Two equivariant layers of 8 channels, pooling, a dense head with one output.
const model = unf(spec, { channels: [1, 8, 8], head: [16, 1] });
const params = model.init(0);
console.log(`\n${model.name}: ${model.parameterCount} parameters`);

// A batch of one network. Any weights of these shapes will do; these are random.
const weights = randomWeights(spec, 7);
const prediction = model.apply(params, toBatch(weights)); // [1, 1]; arguments are consumed
console.log("untrained prediction:", (await prediction.data())[0].toFixed(4));
