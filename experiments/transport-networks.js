// Distances between 80 small tanh networks fitted to sines, against the distance of their functions: Spearman's correlation of each
// kind, and what it costs. docs/results/transport-networks.json; `npm run experiment:transport-networks`.

import { join } from "node:path";
import { median } from "../bench/support/harness.js";
import { deriveSeed, randomStream } from "../dist/core/random.js";
import { mlpSpec } from "../dist/symmetry/presets/mlp.js";
import { meanAndStd } from "../dist/train/measures/metrics.js";
import { networkDistance } from "../dist/transport/networks/network-distance.js";
import {
  invariantFeatures,
  slicedFeatures,
} from "../dist/transport/networks/population-features.js";
import { commit, machine, writeResult } from "../scripts/support/result-files.js";
import { root } from "../scripts/sources.js";

const settings = { networks: 80, units: 24, steps: 1500, rate: 0.01, points: 64, seeds: 3 };
const spec = mlpSpec([1, settings.units, 1], { scale: "sign" });
const xs = Float64Array.from(
  { length: settings.points },
  (_, i) => -1 + (2 * i) / (settings.points - 1),
);

/** A network fitted by Adam to sin(w x + phi): its weights, its outputs on the grid and its last loss. */
function fit(seed) {
  const random = randomStream(seed);
  const [w, phi] = [2 + 4 * random.uniform(), 2 * Math.PI * random.uniform()];
  const h = settings.units;
  const params = Float64Array.from({ length: 3 * h + 1 }, (_, i) =>
    i < h
      ? 3 * random.normal()
      : i < 2 * h
        ? random.normal()
        : i < 3 * h
          ? random.normal() / Math.sqrt(h)
          : 0,
  );
  const [mean, square] = [new Float64Array(params.length), new Float64Array(params.length)];
  const outputs = new Float64Array(xs.length);
  let loss = 0;
  for (let step = 1; step <= settings.steps; step++) {
    const derivatives = new Float64Array(params.length);
    loss = 0;
    xs.forEach((x, s) => {
      const active = Float64Array.from({ length: h }, (_, i) =>
        Math.tanh(params[i] * x + params[h + i]),
      );
      const y = active.reduce((sum, a, i) => sum + a * params[2 * h + i], params[3 * h]);
      outputs[s] = y;
      const error = (y - Math.sin(w * x + phi)) / xs.length;
      loss += error * error * xs.length;
      derivatives[3 * h] += 2 * error;
      active.forEach((a, i) => {
        const inner = 2 * error * params[2 * h + i] * (1 - a * a);
        derivatives[2 * h + i] += 2 * error * a;
        derivatives[i] += inner * x;
        derivatives[h + i] += inner;
      });
    });
    derivatives.forEach((derivative, i) => {
      mean[i] += 0.1 * (derivative - mean[i]);
      square[i] += 0.001 * (derivative * derivative - square[i]);
      params[i] -=
        (settings.rate * mean[i]) /
        (1 - 0.9 ** step) /
        (Math.sqrt(square[i] / (1 - 0.999 ** step)) + 1e-8);
    });
  }
  const tensor = (from, to, shape) => ({ shape, data: params.slice(from, to) });
  const weights = {
    "fc1.weight": tensor(0, h, [h, 1]),
    "fc1.bias": tensor(h, 2 * h, [h]),
    "fc2.weight": tensor(2 * h, 3 * h, [1, h]),
    "fc2.bias": tensor(3 * h, 3 * h + 1, [1]),
  };
  return { weights, outputs, loss };
}

const ranks = (values) => {
  const order = [...values.keys()].sort((i, j) => values[i] - values[j]);
  const result = new Float64Array(values.length);
  order.forEach((at, rank) => (result[at] = rank));
  return result;
};
function spearman(a, b) {
  const [u, v] = [ranks(a), ranks(b)];
  const mean = (u.length - 1) / 2;
  const covariance = u.reduce((sum, r, i) => sum + (r - mean) * (v[i] - mean), 0);
  return covariance / u.reduce((sum, r) => sum + (r - mean) ** 2, 0);
}
const euclid = (u, v) => Math.sqrt(u.reduce((sum, c, i) => sum + (c - v[i]) ** 2, 0));
const flat = (weights) => Object.values(weights).flatMap(({ data }) => [...data]);

/** Rows of features in units of their standard deviation over the networks. */
function standardised(rows) {
  const stds = rows[0].map((_, j) => {
    const mean = rows.reduce((sum, row) => sum + row[j] / rows.length, 0);
    return Math.sqrt(rows.reduce((sum, row) => sum + (row[j] - mean) ** 2 / rows.length, 0)) || 1;
  });
  return rows.map((row) => row.map((v, j) => v / stds[j]));
}

const methods = {
  "raw L2": (nets) =>
    pairwise(
      nets.map(({ weights }) => flat(weights)),
      euclid,
    ),
  "SW features": (nets) =>
    pairwise(
      nets.map(({ weights }) => slicedFeatures(spec, weights)),
      euclid,
    ),
  "symmetric moments": (nets) =>
    pairwise(standardised(nets.map(({ weights }) => invariantFeatures(spec, weights))), euclid),
  "SW2 by pairs": (nets) =>
    pairwise(
      nets,
      (a, b) => networkDistance(spec, a.weights, b.weights, { nProjections: 50 }).total,
    ),
  "Db-TSW by pairs": (nets) =>
    pairwise(
      nets,
      (a, b) =>
        networkDistance(spec, a.weights, b.weights, { kind: "tsw", nProjections: 48 }).total,
    ),
  "energy by pairs": (nets) =>
    pairwise(nets, (a, b) => networkDistance(spec, a.weights, b.weights, { kind: "energy" }).total),
};
function pairwise(items, distance) {
  const values = [];
  for (let i = 0; i < items.length; i++)
    for (let j = 0; j < i; j++) values.push(distance(items[i], items[j]));
  return values;
}

const found = Object.fromEntries(
  Object.keys(methods).map((name) => [name, { spearman: [], seconds: [] }]),
);
const losses = [];
for (let seed = 0; seed < settings.seeds; seed++) {
  const nets = Array.from({ length: settings.networks }, (_, i) =>
    fit(deriveSeed(seed, "network", i)),
  );
  losses.push(...nets.map(({ loss }) => loss));
  const functions = pairwise(
    nets.map(({ outputs }) => outputs),
    euclid,
  );
  for (const [name, measure] of Object.entries(methods)) {
    const began = performance.now();
    found[name].spearman.push(spearman(measure(nets), functions));
    found[name].seconds.push((performance.now() - began) / 1000);
  }
  console.error(
    seed,
    Object.entries(found)
      .map(([name, { spearman }]) => `${name} ${spearman.at(-1).toFixed(3)}`)
      .join(", "),
  );
}
const round = (value, digits = 3) => Number(value.toFixed(digits));
writeResult(join(root, "docs/results/transport-networks.json"), {
  title: "Distances between networks against distances of their functions",
  command: "npm run experiment:transport-networks",
  commit: commit(),
  machine: machine(),
  seed: 0,
  about: { settings, medianLoss: median(losses) },
  rows: Object.entries(found).map(([method, { spearman, seconds }]) => ({
    method,
    spearmanMean: round(meanAndStd(spearman).mean),
    spearmanStd: round(meanAndStd(spearman).std),
    seeds: settings.seeds,
    seconds: round(meanAndStd(seconds).mean, 2),
  })),
});
