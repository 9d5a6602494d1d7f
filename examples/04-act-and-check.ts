// Reorders the hidden neurons of a network, which changes its weights but not its function, and looks who notices.

import { actOn, mlpSpec, sampleElement, type Weights } from "weightspace";
import { startEngine } from "weightspace/engine";
import { flatMLP, unf } from "weightspace/models";
import { assertInvariant, invarianceError, randomWeights, toBatch } from "weightspace/testing";

const spec = mlpSpec([3, 5, 2]);
const weights = randomWeights(spec, 1);

// A group element is plain data: where every neuron goes.
const element = sampleElement(spec, 2);
console.log("neuron i goes to:", element["h1"].permutations[0].join(" "));
const moved = actOn(spec, element, weights);

/** The network itself: two dense layers with ReLU. */
function network(w: Weights, input: readonly number[]): number[] {
  const dense = (name: string, x: readonly number[]) =>
    Array.from(w[`${name}.bias`].data, (bias, row) =>
      x.reduce((sum, value, i) => sum + value * w[`${name}.weight`].data[row * x.length + i], bias),
    );
  return dense(
    "fc2",
    dense("fc1", input).map((value) => Math.max(0, value)),
  );
}
const show = (values: readonly number[]) => values.map((value) => value.toFixed(4)).join(", ");
const input = [0.3, -1, 2];
console.log("first bias before:", show(Array.from(weights["fc1.bias"].data)));
console.log("first bias after: ", show(Array.from(moved["fc1.bias"].data)));
console.log("output before:", show(network(weights, input)));
console.log("output after: ", show(network(moved, input)));

// A functional that respects the spec gives both networks the same prediction; a plain one does not.
await startEngine();
const respectful = unf(spec, { channels: [1, 4, 4], head: [8, 1] });
const careless = flatMLP(spec, { head: [16, 1] });
for (const model of [respectful, careless]) {
  const compute = async (w: Weights) => model.apply(model.init(0), toBatch(w)).data();
  const error = await invarianceError(spec, compute, { weights, element });
  console.log(`${model.name} changes by ${error < 1e-5 ? "less than 1e-5" : error.toFixed(3)}`);
}

// The same as an assertion, for your own tests.
await assertInvariant(spec, async (w) => respectful.apply(respectful.init(0), toBatch(w)).data());
