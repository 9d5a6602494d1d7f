// What of functionals tells how well networks generalise, study by study: final tables on populations that no choice has seen (seed 2),
// ablations of UNF on the same ones, what functionals of two kinds say together (seed 3), and the published predictors, trained as
// published, on the GRU population with settings varied widely and on one made by the published recipe.
// Writes docs/results/generalization-<study>.json with predictions and report. A run that is stopped, or whose minutes are over, goes on
// where it was when the same command is given again.
// Arguments: names of studies; --minutes <n>; --parts <folder>, which keeps every finished training in a small file there; --tiny, for
// a trial whose results stay in runs/. WEIGHTSPACE_TREES names a Python with scikit-learn: boosted trees stand in final tables then.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "../scripts/sources.js";
import { commandRunner, readArguments } from "./support/commands.js";

/** Seconds of a search for each functional. */
const seconds = 240;

/** A pass over adders takes three times as long as one over the others. */
const passes = { "gru-adders": 10 };

/** The mean of a functional of weights and of one that runs the networks. */
const together = "unf-hybrid+network-probes";

/**
 * Every training draws its own training and validation networks. The mean was chosen by what functionals said of the test networks of
 * the other two populations: it stands in the table of adders, on whose test networks neither had been judged.
 */
const final = (name) => ({
  models:
    "unf,unf-hybrid,unf-hybrid-shared,unf-products,nfn-np,deep-sets,deep-sets-one-set,stat-nn,gram-nn,linear,flat-mlp,network-probes",
  options: "fresh",
  seeds: 5,
  training: `--epochs ${passes[name] ?? 20} --resplit --tune-seconds ${seconds} --tune-epochs 10`,
  tinyTraining: "--epochs 1 --resplit --tune-seconds 1 --tune-epochs 1",
  together: name === "gru-adders" ? [together] : [],
  withTrees: true,
});

/** The same mean on CNNs and Transformers of yet another seed, and the mean of two functionals of weights as a control. */
const mean = () => ({
  ...final(),
  models: "unf-hybrid,network-probes,stat-nn",
  options: undefined,
  together: [together, "unf-hybrid+stat-nn"],
  withTrees: false,
});

/** One change of UNF each, every one at the best of three rates; of adders with fewer channels. */
const ablation = (name) => ({
  models:
    "unf,unf-hybrid,unf-fan-in,unf-no-positions,unf-mean-pooling,unf-tensor-bias,unf-shared,unf-products",
  options: name === "gru-adders" ? "ablation-gru" : "ablation",
  seeds: 3,
  training: "--epochs 10 --resplit --tune 3 --tune-epochs 4",
  tinyTraining: "--epochs 1 --resplit --tune 2 --tune-epochs 1",
});

/** Deep Sets, whose published training is not known, have the same passes and rate, their gradients clipped as elsewhere. */
const published = {
  models: "unf-published,stat-nn-published,deep-sets,deep-sets-one-set",
  seeds: 3,
  training:
    "--resplit --published-training --epochs 100 --batch-size 10 --rate 0.001 --schedule constant --patience 10",
  tinyTraining: "--resplit --epochs 1 --batch-size 10 --rate 0.001 --schedule constant",
};

const fresh = {
  "fashion-cnn": { recipe: "fashion-cnn", networks: 1000, zooSeed: 2 },
  "fashion-transformer": { recipe: "fashion-transformer", networks: 600, zooSeed: 2 },
  "gru-adders": { recipe: "gru-adders", networks: 600, zooSeed: 2 },
};

const studies = {
  ...Object.fromEntries(
    Object.entries(fresh).flatMap(([name, population]) => [
      [name, { ...population, ...final(name) }],
      [`${name}-ablation`, { ...population, ...ablation(name) }],
    ]),
  ),
  "fashion-cnn-together": { ...fresh["fashion-cnn"], zooSeed: 3, ...mean() },
  "fashion-transformer-together": { ...fresh["fashion-transformer"], zooSeed: 3, ...mean() },
  "gru-published-predictors": {
    recipe: "gru-adders",
    networks: 1600,
    zooSeed: 1,
    further: "--shard-size 80",
    ...published,
  },
  "gru-published-recipe": {
    recipe: "gru-adders-published",
    networks: 400,
    zooSeed: 2,
    further: "--shard-size 40",
    ...published,
  },
};

const tiny = { networks: 30, seeds: 2, further: "--shard-size 10" };

const asked = readArguments("generalization", process.argv.slice(2), Object.keys(studies));
const weightspace = commandRunner("generalization", asked.minutes);
/** Relative to the project, where every command runs. */
const folder = asked.tiny ? "runs/generalization-tiny" : "runs/generalization";
process.chdir(root);

/** A study as it is asked for. */
const studyOf = (name) =>
  asked.tiny ? { ...studies[name], ...tiny, training: studies[name].tinyTraining } : studies[name];

/** Predictions of boosted trees on the statistics of a population, where a Python has them; those that are there stay. */
function boostedTrees(statistics, out, seeds) {
  const python = process.env.WEIGHTSPACE_TREES;
  if (existsSync(out)) return [`--also ${out}`];
  if (python === undefined) return [];
  const args = ["experiments/boosted-trees.py", statistics, out, "--seeds", seeds];
  const { status } = spawnSync(
    python,
    [...args, "--seconds", asked.tiny ? 1 : seconds].map(String),
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  if (status !== 0) throw new Error("boosted trees failed");
  return [`--also ${out}`];
}

async function measure(name) {
  const { recipe, networks, zooSeed, further, ...study } = studyOf(name);
  const { models, options, seeds, training, together: means = [], withTrees = false } = study;
  const zoo = join(folder, "zoos", `${recipe}-${zooSeed}`);
  const shards = further === undefined ? "" : ` ${further}`;
  await weightspace(
    `zoo build --seed ${zooSeed} --recipe ${recipe} --networks ${networks}${shards} -o ${zoo}`,
  );
  const out = join(folder, name);
  const results = join(asked.tiny ? folder : "docs/results", `generalization-${name}.json`);
  const common = [
    `experiment generalization --zoo ${zoo} --checkpoints all --models ${models}`,
    ...(options === undefined ? [] : [`--options docs/results/options/${options}.json`]),
    `--seeds ${seeds} --seed 0 --name ${name} ${training}`,
    ...means.map((names) => `--together ${names}`),
    ...(asked.parts === null ? [] : [`--parts ${join(asked.parts, name)}`]),
    `--results ${results} --force -o ${out}`,
  ];
  if (withTrees) {
    const statistics = join(folder, `${name}-statistics`);
    await weightspace([...common, `--statistics ${statistics}`].join(" "));
    const trees = boostedTrees(statistics, join(folder, `${name}-trees.json`), seeds);
    if (trees.length > 0) await weightspace([...common, ...trees].join(" "));
  } else await weightspace(common.join(" "));
  copyFileSync(join(out, "report.html"), results.replace(/\.json$/, ".html"));
}

for (const name of asked.chosen) await measure(name);
