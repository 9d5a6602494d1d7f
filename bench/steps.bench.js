// A training step of functionals on the engine, compiled whole and stage by stage, and on kernels, in one run; and a batch of
// predictions. Kernels run on one thread.

import { numpy as np } from "@jax-js/jax";
import { startEngine } from "../dist/engine/start.js";
import { buildModel } from "../dist/models/registry.js";
import { readPackageData } from "../dist/node/package-data.js";
import { taskEntry } from "../dist/tasks/registry.js";
import { randomWeights } from "../dist/testing/index.js";
import { keepArrays } from "../dist/engine/arrays.js";
import { compileForward } from "../dist/train/compiled.js";
import { batchArrays } from "../dist/train/dataset.js";
import { binaryCrossEntropy } from "../dist/train/measures/objectives.js";
import { adam } from "../dist/train/optimizers/optimizers.js";
import { trainStep } from "../dist/train/train-step.js";
import { recipes } from "../dist/zoo/recipes.js";
import { median } from "./support/median.js";

const batch = 16;
const rounds = 7;
const seed = 1;

function randomDataset(spec) {
  const networks = Array.from({ length: batch }, (_, i) => randomWeights(spec, seed + i));
  const tensors = Object.entries(spec.tensors).map(([name, { shape }]) => [
    name,
    { shape, data: new Float32Array(networks.flatMap((weights) => [...weights[name].data])) },
  ]);
  return {
    spec,
    size: batch,
    tensors: Object.fromEntries(tensors),
    targets: new Float32Array(batch).fill(0.5),
  };
}

/** Median milliseconds of a step and of predictions, the first calls apart: they compile. */
async function millisecondsOf(model, dataset) {
  const all = Array.from({ length: batch }, (_, i) => i);
  const step = trainStep(model, binaryCrossEntropy, adam(), 1);
  let params = model.init(seed);
  let state = await step.packed(adam().init(params), params);
  const steps = [];
  for (let round = 0; round <= rounds; round++) {
    const began = performance.now();
    const rate = np.array(1e-3, { dtype: np.float32 });
    const result = await step.run({ params, state, ...batchArrays(dataset, all), rate });
    await result.loss.data();
    await result.norm.data();
    [params, state] = [result.params, result.state];
    steps.push(performance.now() - began);
  }
  const forward = compileForward(model);
  const predictions = [];
  for (let round = 0; round <= rounds; round++) {
    const began = performance.now();
    const { weights, targets } = batchArrays(dataset, all);
    targets.dispose();
    await (await forward.run(keepArrays(params), weights)).data();
    predictions.push(performance.now() - began);
  }
  return {
    firstStep: steps[0],
    step: median(steps.slice(1)),
    prediction: median(predictions.slice(1)),
  };
}

export async function run() {
  await startEngine({ threads: 1 });
  const rows = [];
  for (const name of ["digits-cnn", "digits-transformer", "gru-adders"]) {
    const { create, dataFile } = taskEntry(recipes[name].task);
    const { spec } = await create(dataFile ? await readPackageData(dataFile) : new Uint8Array(0));
    const dataset = randomDataset(spec);
    for (const functional of ["unf", "nfn-hnp"]) {
      const model = buildModel(functional, spec, { backend: "engine" });
      const whole = await millisecondsOf({ ...model, staged: undefined }, dataset);
      const stages = await millisecondsOf(model, dataset);
      const kernels = await millisecondsOf(buildModel(functional, spec, {}), dataset);
      const over = (a, b) => ({ step: a.step / b.step, prediction: a.prediction / b.prediction });
      const ratio = {
        wholeOverStages: over(whole, stages),
        stagesOverKernels: over(stages, kernels),
      };
      rows.push({ population: name, functional, whole, stages, kernels, ratio });
    }
  }
  return { unit: "milliseconds a batch", batch, seed, rows };
}
