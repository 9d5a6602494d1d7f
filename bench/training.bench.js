// Arrays alive after 10 and after 100 training steps, and the heap that training needed.

import { watchEngine } from "../dist/engine/live-arrays.js";
import { mlpSpec } from "../dist/symmetry/presets/mlp.js";

export async function run() {
  const watch = await watchEngine();
  const { unf } = await import("../dist/models/unf.js");
  const { fit } = await import("../dist/train/fit.js");
  const { randomStream } = await import("../dist/core/random.js");
  const spec = mlpSpec([64, 32, 10]);
  const size = 256;
  const random = randomStream(1);
  const fill = (length) => Float32Array.from({ length }, () => random.normal());
  const tensors = Object.entries(spec.tensors).map(([name, { shape }]) => [
    name,
    { shape, data: fill(size * shape.reduce((a, b) => a * b, 1)) },
  ]);
  const train = {
    spec,
    size,
    tensors: Object.fromEntries(tensors),
    targets: Float32Array.from({ length: size }, () => random.uniform()),
  };
  const model = unf(spec, { fixedAxes: "permute" });
  const live = {};
  let began = 0;
  let seconds = 0;
  for await (const event of fit(model, { train }, { epochs: 13, seed: 0, checkpointEvery: 0 })) {
    if (event.type === "done") for (const array of Object.values(event.params)) array.dispose();
    if (event.type !== "step") continue;
    if (event.step === 10) began = performance.now();
    if (event.step === 100) seconds = (performance.now() - began) / 1000;
    if (event.step === 10 || event.step === 100) live[event.step] = watch.liveArrays();
  }
  return {
    name: "UNF on 64-32-10 networks, batch 32",
    parameters: model.parameterCount,
    liveArraysAfter10Steps: live[10],
    liveArraysAfter100Steps: live[100],
    liveArraysAtTheEnd: watch.liveArrays(),
    engineHeapMegabytes: Math.round(watch.heapBytes() / 2 ** 20),
    millisecondsPerStep: Number(((1000 * seconds) / 90).toPrecision(4)),
  };
}
