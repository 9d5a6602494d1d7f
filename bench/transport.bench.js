// Sliced and tree-sliced distances: growth with points and lines, TSW (25 trees of 4 lines) against SW with the same 100
// directions, values and gradients, on plain arrays and on the engine; with products that round once; beside POT where
// WEIGHTSPACE_POT names a Python that has it. Clouds are float64 numbers, as numpy's are.

import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { randomStream } from "../dist/core/random.js";
import { hostArithmetic } from "../dist/kernels/wasm/fused-multiply-add.js";
import { watchEngine } from "../dist/engine/live-arrays.js";
import { median } from "./support/median.js";

const sizes = [
  { n: 500, d: 10 },
  { n: 5000, d: 10 },
  { n: 500, d: 100 },
  { n: 5000, d: 100 },
  { n: 500, d: 1000 },
];
/** More for small clouds, so that compiling on the way does not count; as many before that are not counted, of ours and of POT. */
const roundsOf = (n) => (n < 1000 ? 41 : 7);

const cloud = (n, d, seed) => {
  const random = randomStream(seed);
  return { shape: [n, d], data: Float64Array.from({ length: n * d }, () => random.normal()) };
};
/** Median milliseconds of each of several functions, their rounds interleaved. */
async function times(n, functions) {
  const rounds = roundsOf(n);
  const taken = functions.map(() => []);
  for (let round = 0; round < rounds; round++) for (const run of functions) await run();
  for (let round = 0; round < rounds; round++)
    for (const [i, run] of functions.entries()) {
      const began = performance.now();
      await run();
      taken[i].push(performance.now() - began);
    }
  return taken.map(median);
}

const request = JSON.stringify({ sizes, rounds: sizes.map(({ n }) => roundsOf(n)) });

/** Our milliseconds for the same sizes in a process that rounds once after multiplying and adding, as the command line does. */
function roundedOnce() {
  const script = fileURLToPath(new URL("./support/sliced-times.js", import.meta.url));
  const flags = process.versions.node.startsWith("20.") ? ["--experimental-wasm-relaxed-simd"] : [];
  const { stdout, status } = spawnSync(process.execPath, [...flags, script, request], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error("the script for products that round once failed");
  return JSON.parse(stdout);
}

/** POT's milliseconds for the same sizes, forward, order 1, 100 directions, with so many threads of its matrix products. */
function pot(threads) {
  const python = process.env.WEIGHTSPACE_POT;
  if (python === undefined) return null;
  const script = fileURLToPath(new URL("./support/transport-pot.py", import.meta.url));
  const { stdout, status } = spawnSync(python, [script, request], {
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
    const [x, y] = [cloud(n, d, 1), cloud(n, d, 2)];
    const own = trees(10, x);
    const [sw, tsw] = await times(n, [
      () => slicedWasserstein(x, y, { p: 1, nProjections: 40 }),
      () => treeSlicedWasserstein(x, y, { trees: own, splitting }),
    ]);
    bySize.push({ n, sw, tsw });
  }
  const byLines = [];
  for (const count of [5, 20, 80]) {
    const [x, y] = [cloud(1000, d, 1), cloud(1000, d, 2)];
    const own = trees(count, x);
    const [sw, tsw] = await times(1000, [
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

async function measureSize({ n, d }, transport, { jit, numpy: np, valueAndGrad }, watch) {
  const [x, y] = [cloud(n, d, 1), cloud(n, d, 2)];
  const trees = transport.sampleTrees({
    trees: 25,
    lines: 4,
    dimension: d,
    around: [x, y],
    seed: 0,
  });
  const projections = Array.from({ length: d }, (_, row) =>
    trees.flatMap(({ theta }) => theta.map((v) => v[row])),
  );
  const splitting = { kind: "distance", delta: 1 };
  const [sliced, tree] = [
    { projections, p: 1 },
    { trees, splitting },
  ];
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
  const [sw, tsw, swGradient, tswGradient, eSw, eSwGradient, eTsw, eTswGradient] = await times(n, [
    () => transport.slicedWasserstein(x, y, sliced),
    () => transport.treeSlicedWasserstein(x, y, tree),
    () => transport.slicedWassersteinGradient(x, y, sliced),
    () => transport.treeSlicedWassersteinGradient(x, y, tree),
    ...engine(transport.slicedWasserstein, sliced),
    ...engine(transport.treeSlicedWasserstein, tree),
  ]);
  return {
    n,
    d,
    plain: { sw, tsw, swGradient, tswGradient },
    engine: { sw: eSw, tsw: eTsw, swGradient: eSwGradient, tswGradient: eTswGradient },
    ratio: {
      plain: tsw / sw,
      plainGradient: tswGradient / swGradient,
      engine: eTsw / eSw,
      engineGradient: eTswGradient / eSwGradient,
    },
    engineHeapBytes: watch.heapBytes(),
    bytesOfLinesTimesPoints: 100 * 2 * n * 4,
  };
}

export async function run() {
  const watch = await watchEngine();
  const { startEngine } = await import("../dist/engine/start.js");
  await startEngine();
  const jax = await import("@jax-js/jax");
  const transport = await import("../dist/transport/index.js");
  const cases = [];
  for (const size of sizes) cases.push(await measureSize(size, transport, jax, watch));
  return {
    name: "sliced and tree-sliced distances, 100 directions, order 1, milliseconds, medians",
    cores: availableParallelism(),
    arithmetic: hostArithmetic(),
    rounds: sizes.map(({ n }) => roundsOf(n)),
    cases,
    growth: await growth(transport),
    roundedOnce: roundedOnce(),
    pot: pot(),
    potOnOneCore: pot(1),
  };
}
