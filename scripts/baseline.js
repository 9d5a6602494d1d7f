// Runs the demo, the provenance experiment and a 100-run version of each generalisation experiment, and compares every
// number with the fixtures that were made before the redesign (test/fixtures/baseline). `npm run baseline`, about 20
// minutes on two idle cores; `npm run baseline -- cnn` runs one of them. Exit code 1 when a number differs.
// BASELINE_QUEUE=redis://127.0.0.1:6379 npm run baseline -- queued: population and runs of the demo by two workers of that queue.

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./sources.js";

const folder = join(root, "runs/baseline");
const populations = {
  cnn: {
    build: "--recipe digits-cnn",
    models: "unf,unf-hybrid,nfn-np,nfn-hnp,deep-sets,stat-nn,linear,flat-mlp",
  },
  transformer: {
    build: "--recipe digits-transformer",
    models:
      "unf,unf-shared,unf-balanced,unf-hybrid,unf-hybrid-shared,deep-sets,stat-nn,linear,flat-mlp",
  },
  gru: {
    build: "--recipe gru-adders --shard-size 50 --backend engine",
    models: "unf,unf-hybrid,nfn-np,deep-sets,stat-nn,linear,mlp",
  },
};

function run(file, args) {
  const shown = [file, ...args].join(" ");
  console.log(`node ${shown}`);
  const { status } = spawnSync(process.execPath, [join(root, file), ...args], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) throw new Error(`exit ${status}: ${shown}`);
}

/** Products round twice, as when the fixtures were made, whatever the Node version. */
const weightspace = (text) =>
  run("bin/weightspace.js", ["--arithmetic", "plain", ...text.split(" ")]);
const readRows = (path) => JSON.parse(readFileSync(path, "utf8")).rows;

function generalization(name) {
  const { build, models } = populations[name];
  const [zoo, out] = [join(folder, "zoos", name), join(folder, name)];
  weightspace(`zoo build --seed 1 ${build} --networks 100 -o ${zoo}`);
  const options = `docs/results/options/${name}.json`;
  weightspace(
    `experiment generalization --zoo ${zoo} --checkpoints all --models ${models} --options ${options} --backend engine --seeds 1 --epochs 2 --seed 0 -o ${out} --results ${out}.json`,
  );
  return readRows(`${out}.json`);
}

const experiments = {
  cnn: () => generalization("cnn"),
  transformer: () => generalization("transformer"),
  gru: () => generalization("gru"),
  provenance() {
    run("experiments/provenance.js", ["100", "3", join(folder, "provenance")]);
    return readRows(join(folder, "provenance/provenance.json"));
  },
  demo() {
    const out = join(folder, "demo");
    weightspace(
      `demo --networks 1000 --models unf,unf-hybrid,nfn-np,deep-sets,stat-nn,linear,flat-mlp --seeds 3 --epochs 20 --rate 0.003 --seed 0 --backend engine -o ${out}`,
    );
    return readRows(join(out, "experiment.json"));
  },
  queued() {
    const queue = process.env.BASELINE_QUEUE;
    const [zoo, out] = [join(folder, "zoos/queued"), join(folder, "queued")];
    const entry = join(root, "bin/weightspace.js");
    const args = ["--arithmetic", "plain", "worker", "--queue", queue, "--workers", "1"];
    const workers = [1, 2].map(() =>
      spawn(process.execPath, [entry, ...args], { cwd: root, stdio: "ignore" }),
    );
    try {
      weightspace(`zoo build --networks 1000 --seed 0 --queue ${queue} -o ${zoo}`);
      weightspace(
        `experiment generalization --zoo ${zoo} --queue ${queue} --models unf,unf-hybrid,nfn-np,deep-sets,stat-nn,linear,flat-mlp --seeds 3 --epochs 20 --batch-size 32 --split 0.6,0.15,0.25 --rate 0.003 --seed 0 --backend engine -o ${out}`,
      );
    } finally {
      for (const worker of workers) worker.kill("SIGINT");
    }
    return readRows(join(out, "experiment.json"));
  },
};
/** Models that are trained in another way since the fixtures were made: linear ones are solved for. */
const changedSince = new Set(["linear"]);

/** Whose numbers an experiment must have, where they are not its own. */
const sameAs = { queued: "demo" };

/** Paths of values that differ; only what the fixture holds is compared, and standard deviations under both names. */
function differences(wanted, found, path = "") {
  if (typeof wanted !== "object" || wanted === null)
    return Object.is(wanted, found) ? [] : [`${path}: ${wanted}, now ${found}`];
  return Object.entries(wanted).flatMap(([key, value]) => {
    const other =
      found?.[key] ??
      found?.[key.replace(/Std$/, "Spread")] ??
      found?.[key.replace(/Spread$/, "Std")];
    return differences(value, value === null ? (other ?? null) : other, `${path}/${key}`);
  });
}

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !(name in experiments));
if (unknown !== undefined) {
  console.error(`baseline: unknown "${unknown}", expected ${Object.keys(experiments).join(", ")}`);
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
for (const [name, make] of Object.entries(experiments)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  if (name === "queued" && process.env.BASELINE_QUEUE === undefined) {
    console.log("queued: not run, BASELINE_QUEUE names no queue");
    if (asked.length > 0) process.exitCode = 2;
    continue;
  }
  const { commit, rows } = JSON.parse(
    readFileSync(join(root, `test/fixtures/baseline/${sameAs[name] ?? name}.json`), "utf8"),
  );
  const byModel = new Map(make().map((row, i) => [row.model ?? i, row]));
  const changed = rows.flatMap((row, i) =>
    changedSince.has(row.model)
      ? []
      : differences(row, byModel.get(row.model ?? i), row.model ?? String(i)),
  );
  console.log(
    `${name}: ${changed.length === 0 ? "every number" : "NOT"} as at ${commit.slice(0, 7)}`,
  );
  for (const line of changed.slice(0, 20)) console.log(`  ${line}`);
  if (changed.length > 0) process.exitCode = 1;
}
