// What products of weights cost: forward, forward + backward, and bytes that are kept for the backward pass, of models that
// see through scales beside one that does not, at equal channels, each as it runs by default; and how products grow with depth.
// Times are of the processor, so that what else the machine does counts little.

import { startEngine } from "../dist/engine/start.js";
import { keptBytes } from "../dist/kernels/passes/kept.js";
import { planProgram } from "../dist/kernels/program.js";
import { buildModel } from "../dist/models/registry.js";
import { deriveProducts } from "../dist/plan/products/derive-products.js";
import { lowerSpec } from "../dist/symmetry/lower.js";
import { mlpSpec } from "../dist/symmetry/presets/mlp.js";
import { digitsTasks } from "../dist/tasks/digits.js";
import { defineSpec } from "../dist/symmetry/spec.js";
import { randomWeights, toBatch } from "../dist/testing/index.js";
import { numpy as np } from "@jax-js/jax";
import { compileForward, compileGradients } from "../dist/train/compiled.js";
import { binaryCrossEntropy } from "../dist/train/measures/objectives.js";
import { median } from "./support/median.js";

const batch = 16;
const rounds = 15;
const seed = 1;

const keep = (arrays) => Object.fromEntries(Object.entries(arrays).map(([n, a]) => [n, a.ref]));

function batchOf(spec) {
  const networks = Array.from({ length: batch }, (_, i) => toBatch(randomWeights(spec, seed + i)));
  return Object.fromEntries(
    Object.keys(spec.tensors).map((name) => [
      name,
      np.concatenate(
        networks.map((n) => n[name]),
        0,
      ),
    ]),
  );
}

/** Bytes kept for the backward pass: arrays that stages read, each once, and what kernels keep inside of one. */
async function keptFor({ staged }, params, weights) {
  let bytes = 0;
  let values = staged.toFeatures(keep(weights));
  const counted = new Set();
  for (const { scope, compile, kernels } of staged.stages) {
    if (kernels) bytes += batch * keptBytes(planProgram(kernels(), { gradients: true }));
    else
      for (const value of values) {
        if (!counted.has(value)) bytes += 4 * value.size;
        counted.add(value);
      }
    const own = Object.entries(params)
      .filter(([path]) => scope === "" || (scope !== null && path.startsWith(`${scope}.`)))
      .map(([path, array]) => [scope === "" ? path : path.slice(scope.length + 1), array.ref]);
    const compiled = compile();
    values = compiled.forward(Object.fromEntries(own), values);
    await values[0].blockUntilReady();
    compiled.dispose();
  }
  for (const value of values) value.dispose();
  return bytes;
}

const processorTime = () => {
  const { user, system } = process.cpuUsage(); // only their sum is measured; how it splits is estimated
  return (user + system) / 1000;
};

/** The median over turns of what one took, in units of what the other took in the same turn. */
const ratioOf = (times, others) => median(times.map((time, i) => time / others[i]));

/** Median milliseconds of the processor of every model, in turns, so that what else the machine does falls on all of them. */
async function compareModels(spec, models) {
  const weights = batchOf(spec);
  const targets = np.zeros([batch, 1]);
  const entries = [];
  for (const { name, options } of models) {
    const model = buildModel(name, spec, options);
    const params = model.init(seed);
    entries.push({
      name,
      params,
      parameters: model.parameterCount,
      keptBytes: await keptFor(model, params, weights),
      forward: compileForward(model),
      both: compileGradients(model, binaryCrossEntropy),
      times: { forward: [], both: [] },
    });
  }
  for (let round = 0; round <= rounds; round++) {
    for (const { params, forward, both, times } of entries) {
      const began = processorTime();
      await (await forward.run(keep(params), keep(weights))).data();
      const between = processorTime();
      const { value, gradients } = await both.run(keep(params), keep(weights), targets.ref);
      await value.data();
      for (const array of Object.values(gradients)) array.dispose();
      if (round > 0) {
        times.forward.push(between - began);
        times.both.push(processorTime() - between);
      }
    }
  }
  const rows = entries.map(({ name, parameters, keptBytes: bytes, times }) => ({
    name,
    parameters,
    keptBytes: bytes,
    forward: median(times.forward),
    forwardBackward: median(times.both),
    times,
  }));
  const [first] = rows;
  return rows.map(({ times, ...row }) => ({
    ...row,
    ratio: ratioOf(times.forward, first.times.forward),
    ratioBackward: ratioOf(times.both, first.times.both),
    ratioBytes: row.keptBytes / first.keptBytes,
  }));
}

/** The model that does not see through scales, and then others. */
const beside = (name, others, options) => [name, ...others].map((one) => ({ name: one, options }));

const cnn = defineSpec({
  axes: {
    in: { size: 1, group: "fixed" },
    out: { size: 10, group: "fixed" },
    ...Object.fromEntries(
      [1, 2, 3].map((i) => [`c${i}`, { size: 16, group: "permutation", scale: "positive" }]),
    ),
  },
  tensors: {
    "conv1.weight": ["c1", "in"],
    "conv1.bias": ["c1"],
    "conv2.weight": ["c2", "c1^-1"],
    "conv2.bias": ["c2"],
    "conv3.weight": ["c3", "c2^-1"],
    "conv3.bias": ["c3"],
    "fc.weight": ["out", "c3^-1"],
    "fc.bias": ["out"],
  },
});

export async function run() {
  await startEngine({ threads: 1 });
  const scaled = (channels) =>
    beside("nfn-hnp", ["monomial", "magep", "unf-products"], {
      channels: [1, channels, channels],
      head: [64, 1],
    });
  const siren = mlpSpec([2, 32, 32, 3], { scale: "positive" });
  const transformer = await digitsTasks["digits-transformer-plain"].spec();
  const equal = { channels: [1, 8, 8], head: [64, 1] };
  const rows = {
    "[2, 32, 32, 3], 16 channels": await compareModels(siren, scaled(16)),
    "[1, 16, 16, 16, 10], 20 channels": await compareModels(cnn, scaled(20)),
    "Transformer, 8 channels": await compareModels(
      await digitsTasks["digits-transformer"].spec(),
      beside("unf", ["unf-products"], equal),
    ),
    "Transformer without residuals, 8 channels": await compareModels(
      transformer,
      beside("unf", ["unf-products"], equal),
    ),
  };
  const unit =
    "median milliseconds of the processor a batch, kept bytes a batch; ratios to the first model";
  return { unit, batch, seed, rows, depth: await byDepth() };
}

const depths = [4, 8, 16, 32];

/** Products and a forward pass of MLPs of width 8, by their layers, in turns. */
async function byDepth() {
  const entries = [];
  for (const layers of depths) {
    const widths = Array.from({ length: layers + 1 }, () => 8);
    const spec = mlpSpec(widths, { scale: "positive" });
    const lowered = lowerSpec(spec);
    const began = processorTime();
    const { tensors } = deriveProducts(lowered);
    const deriving = processorTime() - began;
    const derived = tensors.filter(({ formula, role }) => formula && role === "feature").length;
    const model = buildModel("unf-products", spec, { channels: [1, 4, 4], head: [16, 1] });
    const forward = compileForward(model);
    const [params, weights] = [model.init(seed), batchOf(spec)];
    entries.push({ layers, derived, deriving, forward, params, weights, times: [] });
  }
  for (let round = 0; round <= rounds; round++)
    for (const { forward, params, weights, times } of entries) {
      const began = processorTime();
      await (await forward.run(keep(params), keep(weights))).data();
      if (round > 0) times.push(processorTime() - began);
    }
  return entries.map(({ layers, derived, deriving, times }) => ({
    layers,
    derived,
    deriving,
    forward: median(times),
    perLayer: median(times) / layers,
  }));
}
