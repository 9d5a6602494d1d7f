// Aligning one hidden layer of n units behind n inputs, a planted reordering with 1% of noise: the whole alignment against
// the inner products of all rows alone, which are its largest part.

import { availableParallelism } from "node:os";
import { alignWeights } from "../dist/align/align.js";
import { randomStream } from "../dist/core/random.js";
import { startEngine } from "../dist/engine/start.js";
import { actOn } from "../dist/symmetry/act.js";
import { sampleElement } from "../dist/symmetry/element.js";
import { mlpSpec } from "../dist/symmetry/presets/mlp.js";

const sizes = [256, 512, 1024, 2048, 4096];
const noise = 0.01;

function uniformWeights(spec, random) {
  const entries = Object.entries(spec.tensors).map(([name, { shape }]) => {
    const length = shape.reduce((product, size) => product * size, 1);
    return [name, { shape, data: Float32Array.from({ length }, () => random.uniform() - 0.5) }];
  });
  return Object.fromEntries(entries);
}

/** Seconds of the bare products [n, n] x [n, n], brought to the host. */
async function productSeconds(np, n, data) {
  const began = performance.now();
  const left = np.array(data, { shape: [n, n] });
  const right = np.array(data, { shape: [n, n] });
  await np.matmul(left, np.swapaxes(right, 0, 1)).data();
  return (performance.now() - began) / 1000;
}

export async function run() {
  const threads = availableParallelism();
  await startEngine({ threads });
  const { numpy: np } = await import("@jax-js/jax");
  const layers = [];
  for (const n of sizes) {
    const spec = mlpSpec([n, n, 10]);
    const random = randomStream(n);
    const a = uniformWeights(spec, random);
    const planted = sampleElement(spec, n);
    const std = noise * Math.sqrt(1 / 12);
    const noisy = Object.entries(a).map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((x) => x + std * random.normal()) },
    ]);
    const b = actOn(spec, planted, Object.fromEntries(noisy));
    await productSeconds(np, n, a["fc1.weight"].data); // compiles
    const products = await productSeconds(np, n, a["fc1.weight"].data);
    const began = performance.now();
    const { element } = await alignWeights(
      spec,
      async (name) => a[name],
      async (name) => b[name],
    );
    const seconds = (performance.now() - began) / 1000;
    const [there] = planted.h1.permutations;
    const [back] = element.h1.permutations;
    layers.push({
      n,
      seconds,
      innerProductsSeconds: products,
      ratio: seconds / products,
      recovered: there.every((to, from) => back[to] === from),
    });
  }
  return { name: "aligning n-n-10 networks, 1% noise", threads, layers };
}
