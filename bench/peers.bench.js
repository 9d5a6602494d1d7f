// Layers on generated kernels beside their peers, in turns: nfn 0.1.2 on PyTorch, and UNF term by term under XLA.
// Needs a Python with the packages of bench/peers/requirements.txt, named by PEERS_PYTHON.

import { numpy as np } from "@jax-js/jax";
import { startEngine } from "../dist/engine/start.js";
import { enumerateTerms } from "../dist/basis/terms.js";
import { buildModel } from "../dist/models/registry.js";
import { referenceApply } from "../dist/layers/reference/reference.js";
import { lowerSpec } from "../dist/symmetry/lower.js";
import { mlpSpec } from "../dist/symmetry/presets/mlp.js";
import { transformerSpec } from "../dist/symmetry/presets/transformer.js";
import { randomStream } from "../dist/core/random.js";
import { readPackageData } from "../dist/node/package-data.js";
import { taskEntry } from "../dist/tasks/registry.js";
import { recipes } from "../dist/zoo/recipes.js";
import { randomWeights } from "../dist/testing/index.js";
import { batchArrays } from "../dist/train/dataset.js";
import { binaryCrossEntropy } from "../dist/train/measures/objectives.js";
import { meanAndStd } from "../dist/train/measures/metrics.js";
import { adam } from "../dist/train/optimizers/optimizers.js";
import { trainStep } from "../dist/train/train-step.js";
import { median } from "./support/harness.js";
import { kernelStack } from "./support/kernels.js";
import { startPeer } from "./support/peer.js";

const turns = Number(process.env["PEERS_TURNS"] ?? 15);
const wanted = (process.env["PEERS_WORKLOADS"] ?? "mlp,siren,cnn,transformer").split(",");
const depths = (process.env["PEERS_LAYERS"] ?? "1,2,4,12").split(",").map(Number);
const seconds = Number(process.env["PEERS_COMPILE_SECONDS"] ?? 600);
/** A peer of more terms than this is not compiled at all: it would take hours. */
const maxTerms = 10_000;
const nfnName = "nfn 0.1.2 (PyTorch)";
const termsName = "UNF term by term, written from the formulas (JAX, XLA)";

/** Runs ours and the peer's in turns; the first turn warms up. */
async function compare(row, ours, peer) {
  const times = { ours: [], peer: [] };
  for (let turn = 0; turn <= turns; turn++) {
    const began = performance.now();
    await ours[row.direction]();
    const own = performance.now() - began;
    const theirs = await peer.run(row.direction);
    if (turn === 0) continue;
    times.ours.push(own);
    times.peer.push(theirs);
  }
  const ratios = times.ours.map((ms, i) => ms / times.peer[i]);
  return {
    ...row,
    node: process.versions.node,
    oursMs: median(times.ours),
    peerMs: median(times.peer),
    ratio: median(ratios),
    ratioStd: meanAndStd(ratios).std,
    oursMegabytes: ours.megabytes,
    peerMegabytes: peer.megabytes(),
  };
}

/** Both directions of one workload. */
async function bothDirections(row, ours, peer) {
  try {
    const rows = [];
    for (const direction of ["forward", "backward"])
      rows.push(await compare({ ...row, direction }, ours, peer));
    return rows;
  } finally {
    ours.end?.();
    peer.stop();
  }
}

async function againstNfn(workload, sizes, channels, batch) {
  const spec = mlpSpec(sizes, { ends: "permutation" });
  const weights = sizes.slice(1).map((size, i) => [size, sizes[i]]);
  const rows = [];
  for (const threads of [1, 2]) {
    const ours = kernelStack(spec, channels, batch, threads);
    const config = { weights, channels, batch, threads, kind: "np" };
    const peer = await startPeer("nfn_layers.py", config);
    rows.push(...(await bothDirections({ workload, threads, peerName: nfnName }, ours, peer)));
  }
  return rows;
}

/** A training step of the CNN functional with the options of the experiments, one thread. */
async function trainingStep() {
  const batch = 16;
  const [channels, head] = [
    [1, 8, 8],
    [128, 128, 1],
  ];
  const { create, dataFile } = taskEntry(recipes["digits-cnn"].task);
  const { spec } = await create(dataFile ? await readPackageData(dataFile) : new Uint8Array(0));
  const weights = Object.values(spec.tensors)
    .filter(({ shape }) => shape.length > 1)
    .map(({ shape }) => shape);
  const networks = Array.from({ length: batch }, (_, i) => randomWeights(spec, i));
  const tensors = Object.entries(spec.tensors).map(([name, { shape }]) => [
    name,
    { shape, data: new Float32Array(networks.flatMap((network) => [...network[name].data])) },
  ]);
  const dataset = {
    spec,
    size: batch,
    tensors: Object.fromEntries(tensors),
    targets: new Float32Array(batch).fill(0.5),
  };
  const model = buildModel("nfn-hnp", spec, { channels, head });
  const step = trainStep(model, binaryCrossEntropy, adam(), 1);
  let params = model.init(1);
  let state = adam().init(params);
  const all = networks.map((_, i) => i);
  const backward = async () => {
    const rate = np.array(1e-3, { dtype: np.float32 });
    const result = await step.run({ params, state, ...batchArrays(dataset, all), rate });
    await result.loss.data();
    await result.norm.data();
    [params, state] = [result.params, result.state];
  };
  const config = { weights, channels, head, batch, threads: 1, kind: "hnp" };
  const peer = await startPeer("nfn_layers.py", config);
  const row = {
    workload: "CNN training step",
    threads: 1,
    peerName: nfnName,
    direction: "backward",
  };
  try {
    return [await compare(row, { backward }, peer)];
  } finally {
    peer.stop();
  }
}

/** Every term of a layer over a spec whose tensors have no fixed axes. */
function termsOf(spec) {
  const lowered = lowerSpec(spec, { fixedAxes: "permute" });
  const { tensors, axes } = lowered;
  const terms = tensors.flatMap(({ id: output }) =>
    tensors.flatMap(({ id: input }) => enumerateTerms(lowered, output, input)),
  );
  const shapes = tensors.map(({ dims }) => dims.map(({ axis }) => axes[axis].size));
  return { lowered, terms, shapes };
}

const plainTerms = (terms) => terms.map(({ output, input, labels }) => [output, input, labels]);

/** Largest difference of the peer's outputs from the definition in float64, relative to the largest output. */
async function checkTerms() {
  const spec = mlpSpec([3, 4, 2], { ends: "permutation" });
  const { lowered, terms, shapes } = termsOf(spec);
  const random = randomStream(7);
  const numbers = (size) => Float64Array.from({ length: size }, () => Math.fround(random.normal()));
  const size = (shape) => shape.reduce((product, n) => product * n, 1);
  const [c, d] = [2, 3];
  const theta = terms.map(() => numbers(c * d));
  const inputs = shapes.map((shape) => numbers(size(shape) * c));
  const peer = await startPeer("unf_terms.py", {
    shapes,
    terms: plainTerms(terms),
    channels: [c, d],
    threads: 1,
    theta: theta.flatMap((values) => [...values]),
    inputs: inputs.map((values) => [...values]),
  });
  peer.stop();
  const exact = referenceApply(
    lowered,
    terms.map((term, i) => ({ ...term, coefficients: theta[i] })),
    inputs.map((data) => ({ width: c, data })),
    shapes.map(() => d),
  );
  const gaps = exact.flatMap(({ data }, t) =>
    [...data].map((x, i) => Math.abs(x - peer.about.outputs[t][i])),
  );
  const largest = Math.max(...exact.flatMap(({ data }) => [...data].map(Math.abs)));
  const error = Math.max(...gaps) / largest;
  if (!(error < 1e-5)) throw new Error(`peers: the term-by-term layer is off by ${error}`);
  return error;
}

async function transformers() {
  const rows = [];
  const compiled = [];
  for (const layers of depths) {
    const options = { layers, width: 64, vocabulary: 256, positions: 64, ends: "permutation" };
    const spec = transformerSpec(options);
    const { terms, shapes } = termsOf(spec);
    const workload = `Transformer, ${layers} layers, 8 channels`;
    const ours = kernelStack(spec, [8, 8], 1, 1);
    const first = { forward: ours.firstForwardMs, backward: ours.firstBackwardMs };
    for (const direction of ["forward", "backward"]) {
      const row = { workload, direction, threads: 1, terms: terms.length, peerName: termsName };
      let peer;
      if (terms.length <= maxTerms) {
        const config = { shapes, terms: plainTerms(terms), channels: [8, 8], threads: 1 };
        peer = await startPeer(
          "unf_terms.py",
          { ...config, directions: [direction] },
          seconds,
        ).catch((error) => {
          console.error(String(error.message).split("\n")[0]);
          return undefined;
        });
      }
      if (peer === undefined) rows.push(await alone(row, ours, first[direction], compiled));
      else {
        const peerFirstMs = peer.about[`${direction}CompileMs`];
        compiled.push({ direction, terms: terms.length, ms: peerFirstMs });
        const made = await compare(row, ours, peer);
        rows.push({ ...made, oursFirstMs: first[direction], peerFirstMs });
        peer.stop();
      }
    }
    ours.end();
  }
  return rows;
}

/** Ours without a peer, whose compile time is extrapolated in proportion to the terms. */
async function alone(row, ours, oursFirstMs, compiled) {
  const times = [];
  for (let turn = 0; turn <= turns; turn++) {
    const began = performance.now();
    ours[row.direction]();
    if (turn > 0) times.push(performance.now() - began);
  }
  const largest = compiled.filter(({ direction }) => direction === row.direction).at(-1);
  return {
    ...row,
    node: process.versions.node,
    oursMs: median(times),
    peerMs: null,
    peerCompiled: row.terms <= maxTerms ? `not within ${seconds} s` : "not tried",
    ratio: null,
    ratioStd: null,
    oursMegabytes: ours.megabytes,
    oursFirstMs,
    peerFirstMsExtrapolated:
      largest === undefined ? null : (largest.ms * row.terms) / largest.terms,
  };
}

export async function run() {
  await startEngine({ threads: 1 });
  const rows = [];
  const has = (name) => wanted.includes(name);
  if (has("mlp"))
    rows.push(
      ...(await againstNfn(
        "MLP 784-128-10, 3 layers, 32 channels",
        [784, 128, 10],
        [1, 32, 32, 32],
        1,
      )),
    );
  if (has("siren"))
    rows.push(
      ...(await againstNfn(
        "32 SIRENs 2-32-32-3, 3 layers, 32 channels",
        [2, 32, 32, 3],
        [1, 32, 32, 32],
        32,
      )),
    );
  if (has("cnn")) rows.push(...(await trainingStep()));
  const termsError = has("transformer") ? await checkTerms() : null;
  if (has("transformer")) rows.push(...(await transformers()));
  return { turns, termsError, rows };
}
