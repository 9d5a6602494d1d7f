// Trains a population of small digit classifiers in memory, then a functional that predicts their test accuracy from
// their weights. Far too small to be a result: `npx weightspace demo` does the same at a useful size.

import { deepSets } from "weightspace/models";
import { buildZoo } from "weightspace/node";
import {
  binaryCrossEntropy,
  fit,
  fitNormalization,
  kendallTau,
  normalize,
  predict,
  splitDataset,
} from "weightspace/train";
import { digitsRecipe, memoryStore, openZoo, zooDataset } from "weightspace/zoo";

// 1. A population: 64 networks, each with its own learning rate, initial scale, label noise and stopping time.
const store = memoryStore();
const recipe = { ...digitsRecipe, steps: { fullChance: 0, range: [5, 60] as [number, number] } };
for await (const event of buildZoo({ recipe, networks: 64, seed: 0, store, workers: 0 })) {
  if (event.type === "done") console.log(`trained ${event.built} networks`);
}

// 2. A dataset: their weights, and their accuracy on images they have not seen.
const dataset = await zooDataset(await openZoo(store));
const [train, validation, test] = splitDataset(dataset, [0.6, 0.2, 0.2], 0);
const normalization = fitNormalization(train); // from the training networks only

// 3. A functional, trained on some and judged on others.
const model = deepSets(dataset.spec, { channels: [1, 8, 8], head: [16, 1] });
const parts = {
  train: normalize(train, normalization),
  validation: normalize(validation, normalization),
};
for await (const event of fit(model, parts, { epochs: 10, seed: 0, batchSize: 8, rate: 0.01 })) {
  if (event.type !== "done") continue;
  console.log(`${model.name}: ${model.parameterCount} parameters, best epoch ${event.bestEpoch}`);
  const predicted = await predict(model, event.params, normalize(test, normalization), {
    objective: binaryCrossEntropy, // turns raw outputs into accuracies between 0 and 1
  });
  const tau = kendallTau(predicted, test.targets);
  console.log(`Kendall's tau on ${test.size} held-out networks: ${tau.toFixed(2)}`);
}
