// Whether what runs the layers changes what functionals predict, and how long they take: 300 runs of each population, the same
// trainings on the array engine and on kernels, in turns. Writes docs/results/backends.json. Arguments: names of populations.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chooseModels } from "../dist/experiment/choose-models.js";
import { commit, machine, writeResult } from "../scripts/support/result-files.js";
import { root } from "../scripts/sources.js";

const networks = 300;
const seeds = 3;
const folder = join(root, "runs/backends");
const file = join(root, "docs/results/backends.json");
const backends = ["engine", "kernels"];
const populations = {
  cnn: { recipe: "digits-cnn", epochs: 10, models: ["unf", "unf-hybrid", "nfn-np", "nfn-hnp"] },
  transformer: {
    recipe: "digits-transformer",
    epochs: 8,
    models: ["unf", "unf-balanced", "unf-hybrid", "unf-shared", "unf-hybrid-shared"],
  },
  gru: {
    recipe: "gru-adders --shard-size 50",
    epochs: 10,
    models: ["unf", "unf-hybrid", "nfn-np"],
  },
};

function weightspace(text) {
  console.error(`weightspace ${text}`);
  const { status } = spawnSync(
    process.execPath,
    [join(root, "bin/weightspace.js"), ...text.split(" ")],
    { cwd: root, stdio: ["ignore", "ignore", "inherit"] },
  );
  if (status !== 0) throw new Error(`exit ${status}: weightspace ${text}`);
}

/** The options of one functional, by its name, as the experiments on whole populations have them. */
function optionsOf(population, model) {
  const known = JSON.parse(
    readFileSync(join(root, `docs/results/options/${population}.json`), "utf8"),
  );
  return model in known ? { [model]: known[model] } : {};
}

/** Which model of the registry every name of the rows is. */
const modelsOf = (rows) =>
  rows.map(({ population, model }) => {
    const [{ name, model: entry = name }] = chooseModels([model], optionsOf(population, model));
    return { population, name, model: entry };
  });

/** The row of one model on one backend; training runs that are finished are not repeated. */
function rowOf(population, model, backend) {
  const { epochs } = populations[population];
  const options = join(folder, `${population}-${model}-options.json`);
  writeFileSync(options, JSON.stringify(optionsOf(population, model)));
  const [zoo, out] = [join(folder, "zoos", population), join(folder, `${population}-${backend}`)];
  const results = join(folder, `${population}-${backend}-${model}.json`);
  weightspace(
    `experiment generalization --zoo ${zoo} --checkpoints all --models ${model} --options ${options} --backend ${backend} --seeds ${seeds} --seed 0 --split 0.7,0.1,0.2 --epochs ${epochs} --batch-size 16 --rate 0.003 --schedule cosine -o ${join(out, model)} --results ${results} --force`,
  );
  const [row] = JSON.parse(readFileSync(results, "utf8")).rows;
  return { tauMean: row.tauMean, tauStd: row.tauStd, seconds: row.seconds };
}

function measure(population) {
  const { recipe, models } = populations[population];
  const zoo = join(folder, "zoos", population);
  weightspace(`zoo build --seed 1 --recipe ${recipe} --networks ${networks} -o ${zoo}`);
  return models.map((model) => {
    const [engine, kernels] = backends.map((backend) => rowOf(population, model, backend));
    return {
      population,
      model,
      seeds,
      engineTauMean: engine.tauMean,
      engineTauStd: engine.tauStd,
      kernelsTauMean: kernels.tauMean,
      kernelsTauStd: kernels.tauStd,
      engineSeconds: engine.seconds,
      kernelsSeconds: kernels.seconds,
      timesFaster: engine.seconds / kernels.seconds,
    };
  });
}

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !(name in populations));
if (unknown !== undefined) {
  console.error(`backends: unknown "${unknown}", expected ${Object.keys(populations).join(", ")}`);
  process.exit(2);
}
const chosen = asked.length > 0 ? asked : Object.keys(populations);
const kept = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).rows : [];
let rows = kept.filter(({ population }) => !chosen.includes(population));
for (const population of chosen) {
  rows = [...rows, ...measure(population)];
  writeResult(file, {
    title: "The same trainings on the array engine and on kernels",
    command: `npm run experiment:backends${asked.length > 0 ? ` -- ${asked.join(" ")}` : ""}`,
    commit: commit(),
    machine: machine(),
    seed: 0,
    about: { networks, seeds, settings: { models: modelsOf(rows) } },
    rows,
  });
}
console.table(rows);
