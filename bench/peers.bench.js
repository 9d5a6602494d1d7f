// Layers on generated kernels beside their peers, in turns: nfn 0.1.2 on PyTorch, and UNF term by term under XLA. Every side
// runs in a process of its own. Needs a Python with the packages of bench/peers/requirements.txt, named by PEERS_PYTHON.

import { enumerateTerms } from "../dist/basis/terms.js";
import { referenceApply } from "../dist/layers/reference/reference.js";
import { lowerSpec } from "../dist/symmetry/lower.js";
import { mlpSpec } from "../dist/symmetry/presets/mlp.js";
import { transformerSpec } from "../dist/symmetry/presets/transformer.js";
import { randomStream } from "../dist/core/random.js";
import { meanAndStd } from "../dist/train/measures/metrics.js";
import { median } from "./support/median.js";
import { nodes, startOurs, startPeer } from "./support/peer.js";
import { cnnSpec } from "./support/training-step.js";

const turns = Number(process.env["PEERS_TURNS"] ?? 15);
const wanted = (process.env["PEERS_WORKLOADS"] ?? "mlp,siren,cnn,transformer").split(",");
const depths = (process.env["PEERS_LAYERS"] ?? "1,2,4,12").split(",").map(Number);
const seconds = Number(process.env["PEERS_COMPILE_SECONDS"] ?? 600);
/** A peer of more terms than this is not compiled at all: it would take hours. */
const maxTerms = 10_000;
const nfnName = "nfn 0.1.2 (PyTorch)";
const termsName = "UNF term by term, written from the formulas (JAX, XLA)";

const progress = (text) => console.error(`  ${new Date().toISOString().slice(11, 19)} ${text}`);
const deviation = (values) => (values.length < 2 ? null : meanAndStd(values).std);

/** Runs our side under every Node version and then the peer, if there is one, turn by turn; the first turn warms up. */
async function compare(row, ours, peer) {
  const times = ours.map(() => []);
  const peerTimes = [];
  for (let turn = 0; turn <= turns; turn++) {
    const own = [];
    for (const one of ours) own.push(await one.run(row.direction));
    const theirs = peer === undefined ? null : await peer.run(row.direction);
    if (turn === 0) continue;
    own.forEach((ms, i) => times[i].push(ms));
    peerTimes.push(theirs);
  }
  progress(`${row.workload}, ${row.direction}, threads ${row.threads}`);
  const shares = [];
  // After all turns, so that no profiler runs beside a peer. With several threads this one also waits for the others.
  for (const one of ours) shares.push(row.threads === 1 ? await one.share(row.direction) : null);
  return ours.map((one, i) => {
    const ratios = peer === undefined ? [] : times[i].map((ms, turn) => ms / peerTimes[turn]);
    return {
      ...row,
      node: one.about.node,
      arithmetic: one.about.arithmetic,
      oursMs: median(times[i]),
      oursMsStd: deviation(times[i]),
      peerMs: peer === undefined ? null : median(peerTimes),
      peerMsStd: peer === undefined ? null : deviation(peerTimes),
      ratio: peer === undefined ? null : median(ratios),
      ratioStd: peer === undefined ? null : deviation(ratios),
      oursMegabytes: one.megabytes(),
      oursArenaMegabytes: one.about.arenaMegabytes ?? null,
      peerMegabytes: peer === undefined ? null : peer.megabytes(),
      javascriptShare: shares[i],
      oursFirstMs: one.about.first[row.direction] ?? null,
    };
  });
}

/** Our side under every Node version, together with a peer; all are stopped at the end. */
async function beside(config, startTheirs, work) {
  const running = [];
  try {
    const ours = [];
    for (const node of nodes) {
      ours.push(await startOurs(config, node));
      running.push(ours.at(-1));
    }
    const peer = await startTheirs();
    if (peer !== undefined) running.push(peer);
    return await work(ours, peer);
  } finally {
    for (const one of running) one.stop();
  }
}

async function againstNfn(workload, sizes, channels, batch) {
  const weights = sizes.slice(1).map((size, i) => [size, sizes[i]]);
  const rows = [];
  for (const threads of [1, 2]) {
    const config = { sizes, weights, channels, batch, threads };
    const theirs = () => startPeer("nfn_layers.py", { ...config, kind: "np" });
    await beside({ ...config, kind: "mlp" }, theirs, async (ours, peer) => {
      for (const direction of ["forward", "backward"]) {
        const row = { workload, direction, threads, peerName: nfnName };
        rows.push(...(await compare(row, ours, peer)));
      }
    });
  }
  return rows;
}

/** A training step of the CNN functional with the options of the experiments, one thread. */
async function cnnRows() {
  const spec = await cnnSpec();
  const weights = Object.values(spec.tensors)
    .filter(({ shape }) => shape.length > 1)
    .map(({ shape }) => shape);
  const config = { channels: [1, 8, 8], head: [128, 128, 1], batch: 16, threads: 1 };
  const theirs = () => startPeer("nfn_layers.py", { ...config, weights, kind: "hnp" });
  const row = {
    workload: "CNN training step",
    direction: "backward",
    threads: 1,
    peerName: nfnName,
  };
  return beside({ ...config, kind: "training" }, theirs, (ours, peer) => compare(row, ours, peer));
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

/** A compiled peer; undefined when it is too large or not ready in time. */
async function compiledPeer(shapes, terms, direction) {
  if (terms.length > maxTerms) return undefined;
  const config = { shapes, terms: plainTerms(terms), channels: [8, 8], threads: 1 };
  const cache = process.env["PEERS_CACHE"];
  const own = { ...config, directions: [direction], ...(cache && { cache }) };
  progress(`compiling ${terms.length} terms, ${direction}`);
  return startPeer("unf_terms.py", own, seconds).catch((error) => {
    console.error(String(error.message).split("\n")[0]);
    return undefined;
  });
}

async function transformers() {
  const rows = [];
  const compiled = [];
  for (const layers of depths) {
    const options = { layers, width: 64, vocabulary: 256, positions: 64, ends: "permutation" };
    const { terms, shapes } = termsOf(transformerSpec(options));
    const workload = `Transformer, ${layers} layers, 8 channels`;
    const config = {
      kind: "transformer",
      transformer: options,
      channels: [8, 8],
      batch: 1,
      threads: 1,
    };
    for (const direction of ["forward", "backward"]) {
      const row = { workload, direction, threads: 1, terms: terms.length, peerName: termsName };
      const theirs = () => compiledPeer(shapes, terms, direction);
      rows.push(
        ...(await beside(config, theirs, async (ours, peer) => {
          const made = await compare(row, ours, peer);
          const about = aboutCompiling(direction, terms.length, peer, compiled);
          return made.map((one) => ({ ...one, ...about }));
        })),
      );
    }
  }
  return rows;
}

/** How long the peer compiled; where it was not tried, in proportion to the terms of the largest that was. */
function aboutCompiling(direction, terms, peer, compiled) {
  if (peer !== undefined) {
    const { ms, cpuSeconds, earlier } = peer.about.compiled[direction];
    compiled.push({ direction, terms, ms });
    return {
      peerFirstMs: ms,
      peerCompileCpuSeconds: cpuSeconds,
      peerCompiled: earlier ? "by an earlier run, whose times these are" : "in this run",
    };
  }
  if (terms <= maxTerms) {
    // What it took at least, for larger ones to be estimated from.
    compiled.push({ direction, terms, ms: seconds * 1000 });
    return { peerFirstMs: null, peerCompiled: `not within ${seconds} s` };
  }
  const largest = compiled.filter((one) => one.direction === direction).at(-1);
  return {
    peerFirstMs: null,
    peerCompiled: "not tried",
    peerFirstMsExtrapolated: largest === undefined ? null : (largest.ms * terms) / largest.terms,
  };
}

export async function run() {
  const rows = [];
  const has = (name) => wanted.includes(name);
  const channels = [1, 32, 32, 32];
  if (has("mlp"))
    rows.push(
      ...(await againstNfn("MLP 784-128-10, 3 layers, 32 channels", [784, 128, 10], channels, 1)),
    );
  if (has("siren"))
    rows.push(
      ...(await againstNfn(
        "32 SIRENs 2-32-32-3, 3 layers, 32 channels",
        [2, 32, 32, 3],
        channels,
        32,
      )),
    );
  if (has("cnn")) rows.push(...(await cnnRows()));
  const termsError = has("transformer") ? await checkTerms() : null;
  if (has("transformer")) rows.push(...(await transformers()));
  return { turns, termsError, rows };
}
