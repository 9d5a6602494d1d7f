// What learned optimizers cost: inner steps of meta-training a second, eight pairs of networks in one program a thread against one pair after
// another, and one update of `unf-small` against one of Adam, on the MLP and the Transformer.

import { availableParallelism } from "node:os";
import { startEngine } from "../dist/engine/start.js";
import { median } from "./support/median.js";

const truncation = 10;
const repeats = 5;
const pairs = 8;

/** Seconds of the shortest and the middle one of several runs, after one that compiles. */
async function timed(run) {
  await run();
  const seconds = [];
  for (let i = 0; i < repeats; i++) {
    const began = performance.now();
    await run();
    seconds.push((performance.now() - began) / 1000);
  }
  return { best: Math.min(...seconds), median: median(seconds) };
}

/** Inner steps a second of groups of pairs that unroll side by side, so many times in a row. */
async function unrolls(kind, groups, sizes) {
  const { optimizerKind } = await import("../dist/optimizers/registry.js");
  const { thetaToVector } = await import("../dist/optimizers/host-theta.js");
  const { openInnerTask } = await import("../dist/node/open-inner-task.js");
  const task = await openInnerTask({ task: "fashion-mlp" });
  const { thetaShapes, initialTheta } = optimizerKind(kind).program(task.spec);
  const theta = thetaToVector(thetaShapes, initialTheta(0));
  let step = 0;
  const { best } = await timed(async () => {
    let first = 0;
    const work = groups.map((group, at) => {
      const times = Array.from({ length: sizes[at] }, (_, pair) => ({
        pair: first + pair,
        episode: 0,
        step,
        began: 0,
      }));
      first += sizes[at];
      return group.run({ theta, times });
    });
    await Promise.all(work);
    step++;
  });
  await Promise.all(groups.map((group) => group.close()));
  return (2 * sizes.reduce((sum, n) => sum + n, 0) * truncation) / best;
}

async function metaTraining(kind) {
  const { defaultSettings } = await import("../dist/optimizers/meta/settings.js");
  const { groupSizes, unrollInPlace } = await import("../dist/optimizers/meta/unroll-pool.js");
  const { unrollThreads } = await import("../dist/node/threads/unroll-threads.js");
  const { openInnerTask } = await import("../dist/node/open-inner-task.js");
  const source = { task: "fashion-mlp" };
  const settings = { ...defaultSettings, kind, task: source.task, pairs, truncation };
  const sizes = groupSizes(pairs, availableParallelism());
  const pool = unrollThreads(sizes.length, source);
  const together = await unrolls(
    kind,
    await Promise.all(sizes.map((own) => pool.open({ settings, pairs: own }))),
    sizes,
  );
  const alone = await unrollInPlace(await openInnerTask(source)).open({ settings, pairs: 1 });
  const oneAfterAnother = await unrolls(kind, [alone], [1]);
  return { together, oneAfterAnother, times: together / oneAfterAnother };
}

/** Milliseconds of one update of one network. */
async function updates(taskName) {
  const { jit, numpy: np, blockUntilReady } = await import("@jax-js/jax");
  const { adam } = await import("../dist/train/optimizers/optimizers.js");
  const { learnedOptimizer } = await import("../dist/optimizers/learned-optimizer.js");
  const { openInnerTask } = await import("../dist/node/open-inner-task.js");
  const { spec } = await openInnerTask({ task: taskName });
  const arrays = (value) =>
    Object.fromEntries(
      Object.entries(spec.tensors).map(([name, { shape }]) => [name, np.full([...shape], value)]),
    );
  const steps = 20;
  const milliseconds = async (optimizer, compiled) => {
    const step = jit((g, s, p) => {
      const [moved, next] = optimizer.update(g, s, p);
      for (const array of Object.values(p)) array.dispose();
      return { moved, next };
    });
    const params = arrays(0.1);
    let state = optimizer.init(params);
    const { best } = await timed(async () => {
      for (let i = 0; i < steps; i++) {
        const kept = Object.fromEntries(Object.entries(params).map(([k, v]) => [k, v.ref]));
        let moved;
        if (compiled) ({ moved, next: state } = step(arrays(0.01), state, kept));
        else {
          [moved, state] = optimizer.update(arrays(0.01), state, params);
          for (const array of Object.values(kept)) array.dispose();
        }
        await blockUntilReady([...Object.values(moved), ...Object.values(state)]);
        for (const array of Object.values(moved)) array.dispose();
      }
    });
    return (1000 * best) / steps;
  };
  const ours = await milliseconds(learnedOptimizer({ kind: "unf-small", spec }), false);
  const theirs = await milliseconds(adam({ rate: 0.001 }), true);
  return { "unf-small": ours, adam: theirs, times: ours / theirs };
}

export async function run() {
  await startEngine();
  return {
    title: "Learned optimizers",
    settings: { pairs, truncation, repeats, threads: availableParallelism() },
    innerStepsPerSecond: {
      unf: await metaTraining("unf"),
      "unf-small": await metaTraining("unf-small"),
      "deep-sets": await metaTraining("deep-sets"),
    },
    millisecondsPerUpdate: {
      "fashion-mlp": await updates("fashion-mlp"),
      "text-transformer": await updates("text-transformer"),
    },
  };
}
