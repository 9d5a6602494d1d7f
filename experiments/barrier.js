// The barrier experiment: pairs of independently trained digit classifiers, the loss on the straight path between them as
// they are and after weight matching (Ainsworth et al., Git Re-Basin, 2023, section 5). Writes docs/results/barrier.json
// and .html. `--pairs 1` makes a short run, which keeps its results to runs/.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { alignWeights } from "../dist/align/align.js";
import { classify } from "../dist/align/merging/classification.js";
import { gather } from "../dist/align/merging/graph-loss.js";
import { interpolate, pathPoints } from "../dist/align/merging/path.js";
import { startEngine } from "../dist/engine/start.js";
import { measuredPath } from "../dist/report/measured-path.js";
import { mergeReport } from "../dist/report/merge-report.js";
import { pathsDraft } from "../dist/report/result-drafts.js";
import { mlpSpec } from "../dist/symmetry/presets/mlp.js";
import { digitClasses, digitPixels, parseDigits } from "../dist/datasets/digits-data.js";
import { readPackageData } from "../dist/node/package-data.js";
import { commit, machine, writeResult } from "../scripts/support/result-files.js";
import { root } from "../scripts/sources.js";

const { values: flags } = parseArgs({ options: { pairs: { type: "string", default: "5" } } });
const pairs = Number(flags.pairs);
if (!Number.isSafeInteger(pairs) || pairs < 1) {
  console.error(`barrier: --pairs expected a whole number from 1, got ${flags.pairs}`);
  process.exit(2);
}

/** Initial weights a third of the usual size and decay: networks that forget where they began. */
const forgetful = { epochs: 40, rate: 3e-3, weightDecay: 1, scale: 0.3 };
/** The usual start, with next to no decay: more of what is matched is still the random beginning. */
const usual = { epochs: 40, rate: 3e-3, weightDecay: 1e-4, scale: 1 };
/** The same at a lower rate: networks stay nearer to their start, and less of the barrier goes. */
const slow = { ...usual, rate: 1e-3 };
const settings = [
  { name: "64-32-10", sizes: [64, 32, 10], recipe: forgetful },
  { name: "64-512-512-10", sizes: [64, 512, 512, 10], recipe: forgetful },
  { name: "64-32-10, usual training", sizes: [64, 32, 10], recipe: usual },
  { name: "64-512-512-10, usual training", sizes: [64, 512, 512, 10], recipe: usual },
  { name: "64-512-512-10, usual, slow", sizes: [64, 512, 512, 10], recipe: slow },
];

await startEngine();
const { trainDense } = await import("./train-dense.js");
const { denseLayers, denseScores } = await import("../dist/populations/dense-network.js");
const data = await parseDigits(await readPackageData("uci-digits.csv.gz"));
const parts = [
  ["train", "training images"],
  ["test", "test images"],
];
const began = performance.now();
const seconds = () => Math.round((performance.now() - began) / 1000);

/** Both paths of one pair on both sets of examples, by name. */
async function measurePair({ sizes, recipe }, pair) {
  const networks = [];
  for (const seed of [2 * pair, 2 * pair + 1])
    networks.push(await trainDense({ sizes, seed, train: data.train, ...recipe }));
  const spec = mlpSpec(sizes);
  const [a, b] = networks.map((weights) => async (name) => weights[name]);
  const { element, similarity } = await alignWeights(spec, a, b);
  const names = Object.keys(spec.tensors);
  const shapes = new Map(names.map((name) => [name, spec.tensors[name].shape]));
  const task = { name: "digits", features: digitPixels, classes: digitClasses };
  const layers = denseLayers(shapes, task);
  const paths = {};
  for (const [part] of parts) {
    const set = data[part];
    for (const [kind, moved] of Object.entries({ plain: undefined, aligned: element })) {
      paths[`${part} ${kind}`] = [];
      for (const t of pathPoints(25)) {
        const weights = await gather(names, interpolate(spec, a, b, t, moved));
        const { loss, right, count } = classify(
          await denseScores(layers, weights, set),
          set.labels,
        );
        paths[`${part} ${kind}`].push({ t, loss: loss / count, accuracy: right / count });
      }
    }
  }
  return { similarity, paths };
}

const results = [];
for (const setting of settings) {
  const measured = [];
  for (let pair = 0; pair < pairs; pair++) {
    measured.push(await measurePair(setting, pair));
    console.error(`${setting.name}: pair ${pair + 1} of ${pairs}, ${seconds()} s`);
  }
  for (const [part, examples] of parts) {
    const of = (kind) => measuredPath(measured.map(({ paths }) => paths[`${part} ${kind}`]));
    results.push({ network: setting.name, examples, plain: of("plain"), aligned: of("aligned") });
  }
}

const result = {
  title: "Loss barriers between independently trained networks",
  summary: `Pairs of digit classifiers were trained from different random starts on different orders of the same images. On the straight line between the weights of such a pair the loss rises; it rises far less once the second network was moved onto the first by a reordering of its hidden neurons. Networks were trained with Adam, from initial weights of ${forgetful.scale} times the usual size with weight decay ${forgetful.weightDecay}, ${forgetful.epochs} epochs at ${forgetful.rate}; "usual training" has the usual initial weights and decay ${usual.weightDecay}: there, more of what is matched is still the random start, and "slow" trains them at a rate of ${slow.rate}.`,
  command: `npm run experiment:barrier${pairs === 5 ? "" : ` -- --pairs ${pairs}`}`,
  machine: machine(),
  pairs,
  paths: results,
};
const rounded = JSON.parse(
  JSON.stringify(result, (_, value) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value,
  ),
);
const folder = join(root, pairs === 5 ? "docs/results" : "runs");
mkdirSync(folder, { recursive: true });
const target = join(folder, "barrier.json");
writeResult(target, pathsDraft(rounded, { commit: commit(), seed: 0 }));
writeFileSync(join(folder, "barrier.html"), mergeReport(result));
for (const { network, examples, plain, aligned } of results) {
  const show = ({ mean, std }) => `${mean.toFixed(4)} ± ${(std || 0).toFixed(4)}`;
  const middle = (path) => show(path.points[12].accuracy);
  console.log(
    `${network}, ${examples}: barrier ${show(plain.barrier)} plain, ${show(aligned.barrier)} aligned; accuracy of the mean ${middle(plain)} plain, ${middle(aligned)} aligned, of the ends ${show(plain.points[0].accuracy)}`,
  );
}
console.log(`${target} and barrier.html beside it (${seconds()} s)`);
process.exit(0); // the engine would keep the process alive
