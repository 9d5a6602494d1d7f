// Which kinds of kernels take the time of a step (forward and backward, one thread) of the peers' workloads, and how fast each
// kind multiplies: `npm run bench:kinds`. Products are fused as the command line has them.

import { useArithmetic } from "../../dist/node/arithmetic.js";
import { workOf } from "../../dist/kernels/work.js";
import { mlpSpec } from "../../dist/symmetry/presets/mlp.js";
import { profileOf } from "./javascript-share.js";
import { kernelStack } from "./kernels.js";
import { cnnSpec } from "./training-step.js";

useArithmetic("fma");

const ends = { ends: "permutation" };
const workloads = [
  ["MLP 784-128-10, 3 layers, 32 channels", mlpSpec([784, 128, 10], ends), [1, 32, 32, 32], 1],
  [
    "32 SIRENs 2-32-32-3, 3 layers, 32 channels",
    mlpSpec([2, 32, 32, 3], ends),
    [1, 32, 32, 32],
    32,
  ],
  ["layers of the CNN training step", await cnnSpec(), [1, 8, 8], 16],
];

/** Streams make products forward and backward, `outer` the gradient of coefficients. */
const kindOf = (pass, { kind }) => (kind === "stream" ? `${kind}, ${pass}` : kind);

/** The kind of every function of the module, in its order: the operations of a pass, then the pass itself. */
const kindsOf = ({ passes }) =>
  passes.flatMap(({ name, operations }) => [
    ...operations.map((operation) => kindOf(name, operation)),
    "passes",
  ]);

/** Microseconds of every kind. */
function timeByKind({ nodes, samples, timeDeltas }, kinds) {
  const kindOfNode = new Map();
  for (const { id, callFrame } of nodes) {
    const [, index] = /^wasm-function\[(\d+)\]$/.exec(callFrame.functionName) ?? [];
    if (index !== undefined) kindOfNode.set(id, kinds[index]);
  }
  const times = new Map();
  for (const [i, id] of samples.entries()) {
    const kind = kindOfNode.get(id);
    if (kind !== undefined) times.set(kind, (times.get(kind) ?? 0) + timeDeltas[i]);
  }
  return times;
}

for (const [workload, spec, channels, batch] of workloads) {
  const { program, backward } = kernelStack(spec, channels, batch, 1);
  const { profile, calls } = await profileOf(backward);
  const times = timeByKind(profile, kindsOf(program));
  const products = new Map();
  for (const { name, operations } of program.passes)
    for (const operation of operations) {
      const kind = kindOf(name, operation);
      products.set(kind, (products.get(kind) ?? 0) + workOf(operation) * batch * calls);
    }
  const all = [...times.values()].reduce((sum, time) => sum + time, 0);
  console.log(workload);
  for (const [kind, time] of [...times].toSorted(([, a], [, b]) => b - a)) {
    const share = `${((100 * time) / all).toFixed(1)} %`.padStart(7);
    const rate = products.has(kind) ? (2 * products.get(kind)) / time / 1000 : 0;
    console.log(`  ${kind.padEnd(18)} ${share}  ${rate.toFixed(1)} GFLOP/s`);
  }
}
