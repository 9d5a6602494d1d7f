// How predictors bear scales, signs, bases and phases: each population once trained as it is, CNNs with ReLU once more with every
// training network moved by scales of up to 100. Writes docs/results/scales-<population>.json and reports beside it. A run that is stopped, or
// whose minutes are over, goes on where it was when the same command is given again.
// Arguments: names of populations; --minutes <n>; --parts <folder>, which keeps every finished training in a small file there; --tiny, for
// a trial whose results stay in runs/.

import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { commit, machine, writeResult } from "../scripts/support/result-files.js";
import { root } from "../scripts/sources.js";
import { commandRunner, readArguments } from "./support/commands.js";

const scaleBlind = "stat-nn,nfn-hnp,unf";
const layered = "monomial,magep,unf-products,quasi:unf-products,canonical:unf";
const scales = (...sizes) => sizes.map((k) => `scales:${k}`);

/** What is trained on what, and how test networks are moved; `training` moves those of training and validation; `thresholds` leave out networks of lower accuracy. */
const populations = {
  "cnn-relu": {
    recipe: "digits-cnn",
    models: `${scaleBlind},${layered}`,
    seeds: 5,
    moves: scales(0, 1, 2, 3, 4),
    trainings: [null, "scales:2"],
  },
  "cnn-tanh": {
    recipe: "digits-cnn-tanh",
    models: `${scaleBlind},monomial,magep,unf-products,canonical:unf`,
    seeds: 3,
    moves: ["signs"],
    trainings: [null],
  },
  transformer: {
    recipe: "digits-transformer-plain",
    models: "stat-nn,mlp,unf,transformer-nfn,unf-products,canonical:unf,canonical:transformer-nfn",
    seeds: 3,
    moves: ["bases"],
    trainings: [null],
    thresholds: [0, 0.2, 0.4, 0.6, 0.8],
  },
  siren: {
    recipe: "pictures-digits",
    models: "stat-nn,unf,unf-products,canonical:unf",
    seeds: 3,
    moves: ["phases:40"],
    trainings: [null],
    further: "--phases 30 --target psnr",
  },
};

const sizes = { networks: 1000, epochs: 30, tune: 4, tuneEpochs: 10 };
const tinySizes = { networks: 20, epochs: 1, tune: null, tuneEpochs: 1 };

const asked = readArguments("scales", process.argv.slice(2), Object.keys(populations));
const weightspace = commandRunner("scales", asked.minutes);
/** Relative to the project, where every command runs. */
const folder = asked.tiny ? "runs/scales-tiny" : "runs/scales";
process.chdir(root);

/** How a row's networks were moved, without how far where one population has one distance. */
const kindOf = ({ scaling }) => scaling.replace(/^phases:.*/, "phases");

/** Rows of one training: tau by model and move; with a threshold, of the networks that reach that accuracy. */
async function rowsOf(population, training, threshold) {
  const { models, seeds, moves, further = "" } = populations[population];
  const { epochs, tune, tuneEpochs } = asked.tiny ? tinySizes : sizes;
  const zoo = join(folder, "zoos", population);
  const name = [
    population,
    ...(training === null ? [] : [`trained-on-${training.replace(":", "-")}`]),
    ...(threshold > 0 ? [`from-${threshold}`] : []),
  ].join("-");
  const results = join(folder, `${name}.json`);
  const unmoved = join(folder, `${name}-unmoved.json`);
  const parts = [
    `experiment generalization --zoo ${zoo} --models ${models} --seeds ${asked.tiny ? 1 : seeds}`,
    `--seed 0 --epochs ${epochs} --name ${population}`,
    ...(tune === null ? [] : [`--tune ${tune} --tune-epochs ${tuneEpochs}`]),
    ...moves.map((move) => `--move ${move}`),
    ...(training === null ? [] : [`--move-training ${training}`]),
    ...(further === "" ? [] : [further]),
    ...(threshold > 0 ? [`--threshold ${threshold}`] : []),
    ...(asked.parts === null ? [] : [`--parts ${join(asked.parts, name)}`]),
    `--results ${unmoved} --move-results ${results} --force -o ${join(folder, name)}`,
  ];
  await weightspace(parts.join(" "));
  const [{ rows, command }, asTheyAre] = [results, unmoved].map((file) =>
    JSON.parse(readFileSync(file, "utf8")),
  );
  const added = { training: training ?? "as they are", threshold };
  const moved = rows.map((row) => ({ ...row, ...added, scaling: kindOf(row) }));
  const known = new Set(moved.map(({ scaling }) => scaling));
  const first = asTheyAre.rows.map(({ model, seeds: trained, tauMean, tauStd }) => {
    return { population, model, scaling: "0", seeds: trained, tauMean, tauStd, ...added };
  });
  return { name, command, rows: known.has("0") ? moved : [...first, ...moved] };
}

/** Which model of the registry stands behind every name, as in `canonical:unf`. */
const entriesOf = (models) =>
  models.split(",").map((name) => ({ name, model: name.split(":").at(-1) }));

async function measure(population) {
  const { recipe, models, trainings, thresholds = [0] } = populations[population];
  const { networks } = asked.tiny ? tinySizes : sizes;
  const zoo = join(folder, "zoos", population);
  const shards = asked.tiny ? " --shard-size 10" : "";
  await weightspace(
    `zoo build --seed 1 --recipe ${recipe} --networks ${networks}${shards} -o ${zoo}`,
  );
  const made = [];
  for (const training of trainings)
    for (const threshold of thresholds) made.push(await rowsOf(population, training, threshold));
  const place = asked.tiny ? folder : "docs/results";
  const file = join(place, `scales-${population}.json`);
  writeResult(file, {
    title: `Predictors under ${populations[population].moves.join(", ")}: ${population}`,
    command: `npm run experiment:scales -- ${population}${asked.tiny ? " --tiny" : ""}`,
    commit: commit(),
    machine: machine(),
    seed: 0,
    about: {
      recipe,
      networks,
      zooSeed: 1,
      commands: made.map(({ command }) => command),
      settings: { models: entriesOf(models) },
    },
    rows: made.flatMap(({ rows }) => rows),
  });
  for (const { name } of made)
    copyFileSync(join(folder, name, "report.html"), join(place, `scales-${name}.html`));
  console.table(made.flatMap(({ rows }) => rows));
}

for (const population of asked.chosen) await measure(population);
