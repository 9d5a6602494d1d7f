// What functionals miss that predict how well networks generalise: how alike their errors are, and with which settings of the networks'
// training these go. Reads the committed predictions of the final tables, and the populations that `npm run experiment:generalization`
// leaves in runs/; writes docs/results/missed-by-functionals.json.
// An error is the place that a functional gives a network less the place that it has, both as shares of the test networks, the mean
// over trainings. Intervals are over training runs, drawn anew.

import { join } from "node:path";
import { deriveSeed, randomStream } from "../dist/core/random.js";
import { folderStore } from "../dist/node/folder-store.js";
import { kendallTau } from "../dist/train/measures/kendall-tau.js";
import { openZoo } from "../dist/zoo/open.js";
import {
  populations,
  readPredictions,
  readStudy,
} from "../scripts/support/generalization-results.js";
import { commit, machine, writeResult } from "../scripts/support/result-files.js";
import { root } from "../scripts/sources.js";

const seed = 0;
const draws = 1000;
/** Functionals that learn little, whose errors tell nothing of what others miss. */
const leftOut = ["flat-mlp", "deep-sets-one-set"];
/** The one that runs networks and does not look at weights. */
const runner = "network-probes";

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const meanOfLists = (lists) => lists[0].map((_, i) => mean(lists.map((list) => list[i])));

/** Places of values from 0 to 1, equal ones sharing theirs. */
function places(values) {
  const order = [...values.keys()].toSorted((a, b) => values[a] - values[b]);
  const found = Array.from(values, () => 0);
  for (let from = 0; from < order.length;) {
    let to = from;
    while (to + 1 < order.length && values[order[to + 1]] === values[order[from]]) to++;
    for (let i = from; i <= to; i++) found[order[i]] = (from + to) / 2 / values.length;
    from = to + 1;
  }
  return found;
}

function correlation(a, b, at) {
  const [meanA, meanB] = [a, b].map((values) => mean(at.map((i) => values[i])));
  const sums = [0, 0, 0];
  for (const i of at) {
    const [x, y] = [a[i] - meanA, b[i] - meanB];
    for (const [j, product] of [x * y, x * x, y * y].entries()) sums[j] += product;
  }
  return sums[0] / Math.sqrt(sums[1] * sums[2]);
}

/** Positions of test networks as they are, and of so many draws of their runs. */
function samplesOf(runs, name) {
  const byRun = new Map();
  for (const [i, run] of runs.entries()) byRun.set(run, [...(byRun.get(run) ?? []), i]);
  const lists = [...byRun.values()];
  const stream = randomStream(deriveSeed(seed, name));
  const drawn = Array.from({ length: draws }, () =>
    lists.flatMap(() => lists[stream.integer(lists.length)]),
  );
  return { all: [...runs.keys()], drawn };
}

/** A correlation with its 95 % interval. */
function measured(a, b, { all, drawn }) {
  const sorted = drawn.map((at) => correlation(a, b, at)).toSorted((x, y) => x - y);
  const quantile = (share) => sorted[Math.round(share * (sorted.length - 1))];
  return { correlation: correlation(a, b, all), low: quantile(0.025), high: quantile(0.975) };
}

/** Errors of every functional whose trainings all ended, by name. */
function errorsOf({ actual, trainings }, models) {
  const truth = places(actual);
  const errors = models.map((model) => {
    const own = trainings.filter((each) => each.model === model && each.diverged === undefined);
    const said = meanOfLists(own.map(({ predicted }) => places(predicted)));
    return [model, said.map((place, i) => place - truth[i])];
  });
  return Object.fromEntries(errors);
}

/** Tau of the mean of what two functionals predict, for every two: the mean over trainings. */
function tausOfMeans(name, { actual, trainings }, models) {
  const said = (model) => trainings.filter((each) => each.model === model);
  const tauOf = (a, b) =>
    mean(
      said(a).map(({ seed: own, predicted }) => {
        const beside = said(b).find((each) => each.seed === own);
        return kendallTau(meanOfLists([predicted, beside.predicted]), actual);
      }),
    );
  const pairs = models.flatMap((a, i) => models.slice(i + 1).map((b) => [a, b]));
  return pairs
    .map(([a, b]) => ({ population: name, functionals: `${a} + ${b}`, tau: tauOf(a, b) }))
    .toSorted((a, b) => b.tau - a.tau);
}

/** Rows of the zoo for the test networks. @throws where the zoo is another population */
async function testRows(study, { split, actual }) {
  const folder = join(root, `runs/generalization/zoos/${study}-2`);
  const { rows, manifest } = await openZoo(folderStore(folder));
  const found = split.test.map((i) => rows[i]);
  const isSame = found.every((row, i) => Math.abs(row.metrics[manifest.target] - actual[i]) < 1e-6);
  if (!isSame) throw new Error(`${folder} is not the population of the predictions`);
  return found;
}

/** Settings that differ between networks, as numbers. */
function settingsOf(rows) {
  const names = Object.keys(rows[0]).filter((name) => {
    const values = rows.map((row) => row[name]);
    return values.every((value) => typeof value === "number") && new Set(values).size > 1;
  });
  const ofRecipe = names.filter((name) => !["index", "run", "checkpoint"].includes(name));
  const known = ofRecipe.map((name) => [name, rows.map((row) => row[name])]);
  return [...known, ["training loss", rows.map(({ metrics }) => metrics.trainLoss)]];
}

/** How alike the errors of a population are, and what they go with. */
async function missed({ name }) {
  const kept = readPredictions(name);
  const { rows, about } = readStudy(name);
  const elsewhere = [...leftOut, ...(about.together ?? [])];
  const models = rows.map(({ model }) => model).filter((model) => !elsewhere.includes(model));
  const errors = errorsOf(kept, models);
  const samples = samplesOf(kept.runs, name);
  const ofWeights = meanOfLists(
    models.filter((model) => model !== runner).map((model) => errors[model]),
  );
  const to = (a, b) => measured(a, b, samples);
  const alike = models
    .filter((model) => model !== "stat-nn")
    .map((model) => ({
      population: name,
      functional: model,
      ...to(errors[model], errors["stat-nn"]),
    }));
  const settings = settingsOf(await testRows(name, kept)).flatMap(([setting, values]) =>
    [
      ["weights", ofWeights],
      [runner, errors[runner]],
    ].map(([read, error]) => ({ population: name, setting, read, ...to(places(values), error) })),
  );
  return { alike, settings, means: tausOfMeans(name, kept, models) };
}

const found = [];
for (const population of populations.filter(({ name }) => readStudy(name) !== undefined)) {
  found.push(await missed(population));
  console.error(population.title);
}
writeResult(join(root, "docs/results/missed-by-functionals.json"), {
  title: "What functionals miss of how well networks generalise",
  command: "npm run experiment:missed",
  commit: commit(),
  machine: machine(),
  seed,
  about: { draws },
  rows: found.flatMap(({ alike }) => alike),
  tables: {
    settings: found.flatMap(({ settings }) => settings),
    means: found.flatMap(({ means }) => means),
  },
});
