// What the committed results of the generalisation experiments say, as pages and pictures show it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { root } from "../sources.js";
import { readFigures } from "./doc-tables.js";

/** Populations that no model choice has seen. */
export const populations = [
  { name: "fashion-cnn", title: "CNNs" },
  { name: "gru-adders", title: "GRU adders" },
  { name: "fashion-transformer", title: "Transformers" },
];

/** A difference counts as shown where its corrected p value is below. */
const level = 0.05;

export const isShown = ({ adjustedP }) => adjustedP < level;

/** Undefined for a study that has not been run to its end. */
export const readStudy = (name) => readFigures(`docs/results/generalization-${name}.json`);

/** Final results of the populations that have been measured, with their titles. */
export const finalResults = () =>
  populations
    .map((population) => ({ ...population, result: readStudy(population.name) }))
    .filter(({ result }) => result !== undefined);

/** What a model gains over another one on the same test networks, whichever of the two comes first in a result. */
export function differenceTo({ tables }, name, base) {
  const found = tables.comparisons.find(
    ({ model, other }) => (model === name && other === base) || (model === base && other === name),
  );
  if (found === undefined) return undefined;
  const { differenceMean: gain, differenceLow: low, differenceHigh: high, adjustedP } = found;
  return found.model === name
    ? { gain, low, high, adjustedP }
    : { gain: -gain, low: -high, high: -low, adjustedP };
}

/** Models that have a tau in every one of the results, those first that lack least to the best model of each. */
export function modelsOfAll(results) {
  const taus = results.map(
    ({ rows }) => new Map(rows.map(({ model, tauMean }) => [model, tauMean])),
  );
  const best = taus.map((of) => Math.max(...[...of.values()].filter((tau) => tau !== null)));
  const lack = (model) => taus.reduce((sum, of, i) => sum + best[i] - of.get(model), 0);
  return [...taus[0].keys()]
    .filter((model) => taus.every((of) => Number.isFinite(of.get(model))))
    .toSorted((a, b) => lack(a) - lack(b));
}

/** What every training of a study predicted, with the split and the truth. */
export function readPredictions(name) {
  const path = join(root, `docs/results/generalization-${name}-predictions.json.gz`);
  return JSON.parse(gunzipSync(readFileSync(path)).toString());
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** How a study's trainings went, by functional: passes and losses at the best one and at the last, means over trainings. */
export function trainingsOf(name) {
  const { trainings } = readPredictions(name);
  const models = [...new Set(trainings.map(({ model }) => model))];
  return models.map((model) => {
    const own = trainings.filter((each) => each.model === model && each.diverged === undefined);
    const over = (value) => mean(own.map(value));
    return {
      model,
      bestPass: over(({ bestEpoch }) => bestEpoch),
      passes: over(({ passes }) => passes.trainLoss.length),
      bestTrainLoss: over(({ trainLoss }) => trainLoss),
      lastTrainLoss: over(({ passes }) => passes.trainLoss.at(-1)),
      bestValidLoss: over(({ validLoss }) => validLoss),
      lastValidLoss: over(({ passes }) => passes.validLoss.at(-1)),
    };
  });
}
