// Predicting a network's score from its weights against running it on its test examples, both in the same engine: one network
// at a time, and 32 in one program. Parameters of functionals are random: what they hold does not change their time.

import { randomStream } from "../dist/core/random.js";
import { buildModel } from "../dist/models/registry.js";
import { readPackageData } from "../dist/node/package-data.js";
import { taskEntry } from "../dist/tasks/registry.js";
import { predictor } from "../dist/train/predict.js";
import { labelledData } from "../dist/tasks/labelled-data.js";
import { evaluatePopulation } from "../dist/zoo/training/evaluate.js";
import { recipes } from "../dist/zoo/recipes.js";
import { startEngine } from "../dist/engine/start.js";
import { median } from "./support/median.js";

const together = 32;
const rounds = 5;
const seed = 1;
const functionals = ["unf", "unf-hybrid", "nfn-hnp", "deep-sets", "stat-nn"];

/** Median milliseconds a network, after a first call that compiles. */
async function perNetwork(count, work) {
  await work();
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    await work();
    times.push((performance.now() - began) / count);
  }
  return median(times);
}

/** Fresh weights of so many networks, tensor -> [count, ...shape]. */
function freshStacks(task, count) {
  const networks = Array.from({ length: count }, (_, i) => task.init(randomStream(seed + i), 1));
  return Object.fromEntries(
    Object.entries(task.spec.tensors).map(([name, { shape }]) => {
      const data = new Float32Array(networks.flatMap((weights) => [...weights[name].data]));
      return [name, { shape: [count, ...shape], data }];
    }),
  );
}

export async function run() {
  await startEngine();
  const rows = [];
  for (const name of ["digits-cnn", "digits-transformer", "gru-adders"]) {
    const { create, dataFile } = taskEntry(recipes[name].task);
    const task = await create(dataFile ? await readPackageData(dataFile) : new Uint8Array(0));
    const row = { population: name, testExamples: task.test.count, running: {}, reading: {} };
    for (const count of [1, together]) {
      const stacks = freshStacks(task, count);
      const one = labelledData([0], Uint8Array.of(task.train.labels[0]));
      const seen = Array.from({ length: count }, () => one);
      const key = count === 1 ? "alone" : "together";
      row.running[key] = await perNetwork(count, () => evaluatePopulation(task, stacks, seen));
      const tensors = Object.fromEntries(
        Object.entries(stacks).map(([tensor, { shape, data }]) => [
          tensor,
          { shape: shape.slice(1), data },
        ]),
      );
      const dataset = { spec: task.spec, size: count, tensors, targets: new Float32Array(count) };
      for (const functional of functionals) {
        const model = buildModel(functional, task.spec, {});
        const params = model.init(seed);
        const compiled = predictor(model, count);
        const milliseconds = await perNetwork(count, () => compiled.predict(params, dataset));
        compiled.dispose();
        const ratio = row.running[key] / milliseconds;
        row.reading[functional] = { ...row.reading[functional], [key]: { milliseconds, ratio } };
      }
    }
    rows.push(row);
  }
  return { unit: "milliseconds a network; ratio: running over reading", together, seed, rows };
}
