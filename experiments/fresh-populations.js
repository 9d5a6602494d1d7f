// Functionals on populations that no choice of theirs has seen (seed 2): every model searched for as long, then five trainings, each on
// training and validation networks of its own (boosted trees on those of the search).
// Writes docs/results/generalization-<population>.json with predictions and report. A run that is stopped, or whose minutes are over,
// goes on where it was when the same command is given again.
// Arguments: names of populations; --minutes <n>; --parts <folder>, which keeps every finished training in a small file there; --tiny, for
// a trial whose results stay in runs/. WEIGHTSPACE_TREES names a Python with scikit-learn: boosted trees stand in the table then.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "../scripts/sources.js";
import { commandRunner, readArguments } from "./support/commands.js";

const models =
  "unf,unf-hybrid,unf-hybrid-shared,unf-products,nfn-np,deep-sets,deep-sets-one-set,stat-nn,linear,flat-mlp,network-probes";

const populations = {
  "fashion-cnn": { networks: 1000 },
  "fashion-transformer": { networks: 600 },
  "gru-adders": { networks: 600 },
};

const sizes = { seeds: 5, epochs: 20, tuneSeconds: 240, tuneEpochs: 10 };
const tinySizes = { seeds: 2, epochs: 1, tuneSeconds: 1, tuneEpochs: 1 };

const asked = readArguments("fresh", process.argv.slice(2), Object.keys(populations));
const weightspace = commandRunner("fresh", asked.minutes);
/** Relative to the project, where every command runs. */
const folder = asked.tiny ? "runs/fresh-tiny" : "runs/fresh";
process.chdir(root);

/** Predictions of boosted trees on the statistics of a population, where a Python has them; those that are there stay. */
function boostedTrees(statistics, out) {
  const python = process.env.WEIGHTSPACE_TREES;
  if (existsSync(out)) return [`--also ${out}`];
  if (python === undefined) return [];
  const { seeds, tuneSeconds } = asked.tiny ? tinySizes : sizes;
  const args = ["experiments/boosted-trees.py", statistics, out, "--seeds", seeds];
  const { status } = spawnSync(python, [...args, "--seconds", tuneSeconds].map(String), {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) throw new Error("boosted trees failed");
  return [`--also ${out}`];
}

async function measure(population) {
  const { networks } = asked.tiny ? { networks: 30 } : populations[population];
  const { seeds, epochs, tuneSeconds, tuneEpochs } = asked.tiny ? tinySizes : sizes;
  const [zoo, out] = [join(folder, "zoos", population), join(folder, population)];
  const shards = asked.tiny ? " --shard-size 10" : "";
  await weightspace(
    `zoo build --seed 2 --recipe ${population} --networks ${networks}${shards} -o ${zoo}`,
  );
  const results = join(asked.tiny ? folder : "docs/results", `generalization-${population}.json`);
  const common = [
    `experiment generalization --zoo ${zoo} --checkpoints all --models ${models}`,
    `--options docs/results/options/fresh.json --seeds ${seeds} --seed 0 --epochs ${epochs}`,
    `--name ${population} --resplit --tune-seconds ${tuneSeconds} --tune-epochs ${tuneEpochs}`,
    ...(asked.parts === null ? [] : [`--parts ${join(asked.parts, population)}`]),
    `--results ${results} --force -o ${out}`,
  ];
  const statistics = join(folder, `${population}-statistics`);
  await weightspace([...common, `--statistics ${statistics}`].join(" "));
  const trees = boostedTrees(statistics, join(folder, `${population}-trees.json`));
  if (trees.length > 0) await weightspace([...common, ...trees].join(" "));
  copyFileSync(join(out, "report.html"), results.replace(/\.json$/, ".html"));
}

for (const population of asked.chosen) await measure(population);
