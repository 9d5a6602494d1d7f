// What learned optimizers cost: inner steps of meta-training a second of processor time, on kernels and on the array engine in turns, for networks
// of every task; what multiplications and seconds that makes; and one update of `unf-small` against one of Adam on the engine.

import { startEngine } from "../dist/engine/start.js";
import { median } from "./support/median.js";

const repeats = 5;
const pairs = 4;
/** Inner steps of a truncation, by task: about a second of work. */
const tasks = { "fashion-mlp": 20, "fashion-cnn": 5, "text-irnn": 10, "text-transformer": 4 };
const kinds = ["deep-sets", "unf", "nfn", "celo2", "celo2-unf", "unf-small"];
const updateTasks = ["fashion-mlp", "text-transformer"];

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

/** Multiplications of the dense layers of a kind for one entry; equivariant layers come on top, and depend on the network. */
const multiplications = {
  "deep-sets": 8 * 32 + 2 * 32 * 32 + 32,
  unf: 8 * 32 + 2 * 32 * 32,
  nfn: 8 * 32 + 2 * 32 * 32,
  celo2: 30 * 8 + 8 * 8 + 8,
  "celo2-unf": 30 * 8 + 8 * 8,
  "unf-small": 8 * 16 + 2 * 16 * 16,
};

/** Seconds of processor time so far. */
const processorSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Least seconds of processor time of a truncation of each way, in turns. */
async function inTurns(groups, theta) {
  const best = Object.fromEntries(Object.keys(groups).map((way) => [way, Infinity]));
  for (let step = 0; step < repeats + 1; step++)
    for (const [way, group] of Object.entries(groups)) {
      const times = Array.from({ length: pairs }, (_, pair) => ({
        pair,
        episode: 0,
        step,
        began: 0,
      }));
      const began = processorSeconds();
      await group.run({ theta, times });
      if (step > 0) best[way] = Math.min(best[way], processorSeconds() - began);
    }
  return best;
}

/** Inner steps a second of processor time. */
async function metaTraining(kind, name) {
  const { defaultSettings } = await import("../dist/optimizers/meta/settings.js");
  const { unrollInPlace } = await import("../dist/optimizers/meta/unroll-pool.js");
  const { optimizerKind } = await import("../dist/optimizers/registry.js");
  const { thetaToVector } = await import("../dist/optimizers/host-theta.js");
  const { openInnerTask } = await import("../dist/node/open-inner-task.js");
  const { hostArithmetic } = await import("../dist/kernels/wasm/fused-multiply-add.js");
  const task = await openInnerTask({ task: name });
  const { thetaShapes, initialTheta } = optimizerKind(kind).program(task.spec);
  const settings = { ...defaultSettings, kind, task: name, pairs, truncation: tasks[name] };
  const open = (own) => unrollInPlace(task).open({ settings: own, pairs });
  const groups = {
    engine: await open(settings),
    kernels: await open({ ...settings, kernels: hostArithmetic() }),
  };
  const best = await inTurns(groups, thetaToVector(thetaShapes, initialTheta(0)));
  for (const group of Object.values(groups)) await group.close();
  const steps = 2 * pairs * tasks[name];
  const entries = Object.values(task.spec.tensors).reduce(
    (sum, { shape }) => sum + shape.reduce((size, length) => size * length, 1),
    0,
  );
  return {
    engine: steps / best.engine,
    kernels: steps / best.kernels,
    times: best.engine / best.kernels,
    denseMillionMultiplications: (multiplications[kind] * entries) / 1e6,
  };
}

/** Milliseconds of the loss and the gradients of one network, the engine with as many networks at once as in meta-training. */
async function gradients(name) {
  const { classifierKernel } = await import("../dist/kernels/networks/classifier-kernel.js");
  const { openInnerTask } = await import("../dist/node/open-inner-task.js");
  const { randomStream } = await import("../dist/core/random.js");
  const { hostStack, stackToArrays } = await import("../dist/engine/host-stack.js");
  const { tensorList } = await import("../dist/optimizers/theta-file.js");
  const task = await openInnerTask({ task: name });
  const networks = 2 * pairs;
  const weights = hostStack(tensorList(task.spec), networks);
  const batch = hostStack(task.batchShapes, networks);
  for (let network = 0; network < networks; network++) {
    const random = randomStream(network);
    const own = task.init(random);
    for (const [tensor, part] of Object.entries(weights.parts[network])) part.set(own[tensor].data);
    task.writeBatch(batch.parts[network], random);
  }
  const arrays = stackToArrays(weights);
  const { blockUntilReady } = await import("@jax-js/jax");
  const engine = await timed(async () => {
    const found = task.lossAndGradients(arrays, stackToArrays(batch));
    const all = [found.losses, ...Object.values(found.gradients)];
    await blockUntilReady(all);
    for (const array of all) array.dispose();
  });
  const kernel = classifierKernel(task.classifier);
  const kernels = await timed(async () => {
    for (let network = 0; network < networks; network++) {
      for (const [tensor, own] of Object.entries(kernel.weights))
        own.set(weights.parts[network][tensor]);
      const { inputs, labels } = batch.parts[network];
      kernel.setBatch(inputs, labels);
      kernel.run();
    }
  });
  const milliseconds = ({ best }) => (1000 * best) / networks;
  return {
    engine: milliseconds(engine),
    kernels: milliseconds(kernels),
    times: engine.best / kernels.best,
  };
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

/** What a function finds for each of some names. */
async function forEach(names, find) {
  const found = {};
  for (const name of names) found[name] = await find(name);
  return found;
}

export async function run() {
  await startEngine();
  return {
    title: "Learned optimizers",
    settings: { pairs, truncations: tasks, repeats, threads: 1 },
    millisecondsPerGradient: await forEach(Object.keys(tasks), gradients),
    innerStepsPerProcessorSecond: await forEach(Object.keys(tasks), (task) =>
      forEach(kinds, (kind) => metaTraining(kind, task)),
    ),
    millisecondsPerUpdate: await forEach(updateTasks, updates),
  };
}
