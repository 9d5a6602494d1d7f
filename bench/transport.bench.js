// Sliced and tree-sliced distances: growth with points and lines, TSW (25 trees of 4 lines) against SW with the same 100
// directions, values and gradients, on plain arrays and on the engine; with products that round once; beside POT where
// WEIGHTSPACE_POT names a Python that has it, and with another Node where WEIGHTSPACE_OTHER_NODE names one. Clouds are float64
// numbers, as numpy's are. Processes of ours and of POT take turns, since a machine is not equally fast at all times; of every time
// the lowest of the turns' medians is kept.

import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { watchEngine } from "../dist/engine/live-arrays.js";
import { fusedFlags } from "./support/fused-flags.js";
import { medianTimes } from "./support/median.js";
import { cloud, problemOf } from "./support/transport-problem.js";

const sizes = [
  { n: 500, d: 10 },
  { n: 5000, d: 10 },
  { n: 500, d: 100 },
  { n: 5000, d: 100 },
  { n: 500, d: 1000 },
];
/** More for small clouds, so that compiling on the way does not count; as many before that are not counted, of ours and of POT. */
const roundsOf = (n) => (n < 1000 ? 21 : 5);

const turns = 5;

const otherNode = process.env.WEIGHTSPACE_OTHER_NODE;

/** Rounds on the engine, whose first call compiles. */
const engineRounds = 7;

const request = { sizes, rounds: sizes.map(({ n }) => roundsOf(n)) };

/** Our milliseconds for plain arrays, in a process of their own. */
function plainTimes(flags, node = process.execPath, allCores = false) {
  const script = fileURLToPath(new URL("./support/transport-times.js", import.meta.url));
  const { stdout, status } = spawnSync(
    node,
    [...flags, script, JSON.stringify({ ...request, allCores })],
    {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  if (status !== 0) throw new Error("the script for plain arrays failed");
  return JSON.parse(stdout);
}

/** POT's milliseconds for the same sizes, forward, order 1, 100 directions, with so many threads of its matrix products. */
function pot(threads) {
  const python = process.env.WEIGHTSPACE_POT;
  if (python === undefined) return null;
  const script = fileURLToPath(new URL("./support/transport-pot.py", import.meta.url));
  const { stdout, status } = spawnSync(python, [script, JSON.stringify(request)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...(threads === undefined ? {} : { OPENBLAS_NUM_THREADS: threads }) },
  });
  if (status !== 0) throw new Error("the script for POT failed");
  return JSON.parse(stdout);
}

/** Exponent by which times grow between two sizes, of points times their logarithm or of lines. */
const exponent = (small, large, ratio) => Math.log(large / small) / Math.log(ratio);

async function growth({ slicedWasserstein, treeSlicedWasserstein, sampleTrees }) {
  const d = 10;
  const trees = (count, x) =>
    sampleTrees({ trees: count, lines: 4, dimension: d, around: [x], seed: 0 });
  const splitting = { kind: "distance", delta: 1 };
  const bySize = [];
  for (const n of [1000, 4000, 16000]) {
    const [x, y] = [1, 2].map((seed) => cloud({ n, d }, seed));
    const own = trees(10, x);
    const [sw, tsw] = await medianTimes(roundsOf(n), [
      () => slicedWasserstein(x, y, { p: 1, nProjections: 40 }),
      () => treeSlicedWasserstein(x, y, { trees: own, splitting }),
    ]);
    bySize.push({ n, sw, tsw });
  }
  const byLines = [];
  for (const count of [5, 20, 80]) {
    const [x, y] = [1, 2].map((seed) => cloud({ n: 1000, d }, seed));
    const own = trees(count, x);
    const [sw, tsw] = await medianTimes(roundsOf(1000), [
      () => slicedWasserstein(x, y, { p: 1, nProjections: 4 * count }),
      () => treeSlicedWasserstein(x, y, { trees: own, splitting }),
    ]);
    byLines.push({ lines: 4 * count, sw, tsw });
  }
  const nLogN = (16000 * Math.log(16000)) / (1000 * Math.log(1000));
  return {
    bySize,
    byLines,
    exponentInNLogN: {
      sw: exponent(bySize[0].sw, bySize[2].sw, nLogN),
      tsw: exponent(bySize[0].tsw, bySize[2].tsw, nLogN),
    },
    exponentInLines: {
      sw: exponent(byLines[0].sw, byLines[2].sw, 16),
      tsw: exponent(byLines[0].tsw, byLines[2].tsw, 16),
    },
  };
}

async function engineTimes(size, transport, { jit, numpy: np, valueAndGrad }, watch) {
  const { x, y, sliced, tree } = problemOf(size, transport.sampleTrees);
  const array = ({ shape, data }) => np.array(Float32Array.from(data)).reshape(shape);
  const engine = (distance, options) => {
    const value = jit((points) => distance(points.x, points.y, options));
    const both = jit(valueAndGrad((points) => distance(points.x, points.y, options)));
    return [
      () => value({ x: array(x), y: array(y) }).data(),
      async () => {
        const [, derivatives] = both({ x: array(x), y: array(y) });
        await derivatives.x.data();
        derivatives.y.dispose();
      },
    ];
  };
  const [sw, swGradient, tsw, tswGradient] = await medianTimes(engineRounds, [
    ...engine(transport.slicedWasserstein, sliced),
    ...engine(transport.treeSlicedWasserstein, tree),
  ]);
  return {
    times: { sw, tsw, swGradient, tswGradient },
    heapBytes: watch.heapBytes(),
    bytesOfLinesTimesPoints: 100 * 2 * size.n * 4,
  };
}

/** The turns' times: of each the lowest. */
const lowest = ([first, ...others]) => ({
  ...first,
  cases: first.cases.map((row, i) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        Math.min(value, ...others.map(({ cases }) => cases[i][name])),
      ]),
    ),
  ),
});

/** All that runs on plain arrays, in turns. */
function inTurns() {
  const measured = Array.from({ length: turns }, () => ({
    plain: plainTimes([]),
    allCores: plainTimes([], process.execPath, true),
    roundedOnce: plainTimes(fusedFlags()),
    otherNode: otherNode === undefined ? null : plainTimes([], otherNode),
    pot: pot(),
    potOnOneCore: pot(1),
  }));
  const of = (name) =>
    measured[0][name] === null ? null : lowest(measured.map((one) => one[name]));
  return Object.fromEntries(Object.keys(measured[0]).map((name) => [name, of(name)]));
}

const ratios = ({ sw, tsw, swGradient, tswGradient }) => ({
  value: tsw / sw,
  gradient: tswGradient / swGradient,
});

export async function run() {
  const watch = await watchEngine();
  const { startEngine } = await import("../dist/engine/start.js");
  await startEngine();
  const jax = await import("@jax-js/jax");
  const transport = await import("../dist/transport/index.js");
  const { plain, ...others } = inTurns();
  const cases = [];
  for (const [i, size] of sizes.entries()) {
    const engine = await engineTimes(size, transport, jax, watch);
    cases.push({
      ...size,
      plain: plain.cases[i],
      engine,
      ratio: { plain: ratios(plain.cases[i]), engine: ratios(engine.times) },
    });
  }
  return {
    name: "sliced and tree-sliced distances, 100 directions, order 1, milliseconds, medians",
    cores: availableParallelism(),
    arithmetic: plain.arithmetic,
    turns,
    rounds: sizes.map(({ n }) => roundsOf(n)),
    cases,
    growth: await growth(transport),
    ...others,
  };
}
