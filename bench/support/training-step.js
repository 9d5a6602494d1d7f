// A training step of the CNN functional with the options of the experiments, one thread.

import { numpy as np } from "@jax-js/jax";
import { startEngine } from "../../dist/engine/start.js";
import { buildModel } from "../../dist/models/registry.js";
import { randomWeights } from "../../dist/testing/index.js";
import { batchArrays } from "../../dist/train/dataset.js";
import { binaryCrossEntropy } from "../../dist/train/measures/objectives.js";
import { adam } from "../../dist/train/optimizers/optimizers.js";
import { trainStep } from "../../dist/train/train-step.js";
import { readPackageData } from "../../dist/node/package-data.js";
import { taskEntry } from "../../dist/tasks/registry.js";
import { recipes } from "../../dist/zoo/recipes.js";

/** The spec of the CNNs that the experiments are about. */
export async function cnnSpec() {
  const { create, dataFile } = taskEntry(recipes["digits-cnn"].task);
  const { spec } = await create(dataFile ? await readPackageData(dataFile) : new Uint8Array(0));
  return spec;
}

/** Takes one step of `fit` at every call. */
export async function trainingStep({ channels, head, batch }) {
  await startEngine();
  const spec = await cnnSpec();
  const networks = Array.from({ length: batch }, (_, i) => randomWeights(spec, i));
  const tensors = Object.entries(spec.tensors).map(([name, { shape }]) => [
    name,
    { shape, data: new Float32Array(networks.flatMap((network) => [...network[name].data])) },
  ]);
  const dataset = {
    spec,
    size: batch,
    tensors: Object.fromEntries(tensors),
    targets: new Float32Array(batch).fill(0.5),
  };
  const model = buildModel("nfn-hnp", spec, { channels, head });
  const step = trainStep(model, binaryCrossEntropy, adam(), 1);
  let params = model.init(1);
  let state = await step.packed(adam().init(params), params);
  const all = networks.map((_, i) => i);
  return async () => {
    const rate = np.array(1e-3, { dtype: np.float32 });
    const result = await step.run({ params, state, ...batchArrays(dataset, all), rate });
    await result.loss.data();
    await result.norm.data();
    [params, state] = [result.params, result.state];
  };
}
