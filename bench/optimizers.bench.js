// What learned optimizers cost: inner steps of meta-training a second of processor time, on kernels and on the array engine in turns, for networks
// of every task; what multiplications and seconds that makes; and one update of `unf-small` against one of Adam on the engine.

import { startEngine } from "../dist/engine/start.js";
import { median } from "./support/median.js";

const repeats = 5;
const pairs = 4;
/** Inner steps of a truncation, by task: about a second of work. */
const tasks = { "fashion-mlp": 20, "fashion-cnn": 5, "text-irnn": 10, "text-transformer": 4 };
const kinds = ["deep-sets", "unf", "nfn", "celo2", "celo2-unf", "unf-small"];
const threads = 2;
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
      const times = timesOf(pairs, step);
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

/** Wall-clock inner steps a second of all pairs on two threads, and of the same networks one after another: on kernels, and on the engine as a program would train them. */
async function twoThreads(kind, name) {
  const { defaultSettings } = await import("../dist/optimizers/meta/settings.js");
  const { groupSizes, unrollInPlace } = await import("../dist/optimizers/meta/unroll-pool.js");
  const { unrollThreads } = await import("../dist/node/threads/unroll-threads.js");
  const { optimizerKind } = await import("../dist/optimizers/registry.js");
  const { thetaToVector } = await import("../dist/optimizers/host-theta.js");
  const { openInnerTask } = await import("../dist/node/open-inner-task.js");
  const { hostArithmetic } = await import("../dist/kernels/wasm/fused-multiply-add.js");
  const task = await openInnerTask({ task: name });
  const { thetaShapes, initialTheta } = optimizerKind(kind).program(task.spec);
  const theta = thetaToVector(thetaShapes, initialTheta(0));
  const truncation = 5 * tasks[name];
  const settings = { ...defaultSettings, kind, task: name, pairs, truncation };
  const onKernels = { ...settings, kernels: hostArithmetic() };
  const secondsOf = async (pool, sizes, own) => {
    const groups = await Promise.all(
      sizes.map((size) => pool.open({ settings: { ...own, pairs: size }, pairs: size })),
    );
    let step = 0;
    const { best } = await timed(async () => {
      await Promise.all(
        groups.map((group, at) => group.run({ theta, times: timesOf(sizes[at], step) })),
      );
      step++;
    });
    await Promise.all(groups.map((group) => group.close()));
    return best;
  };
  const steps = 2 * pairs * truncation;
  const together =
    steps /
    (await secondsOf(
      unrollThreads(threads, { task: name }),
      groupSizes(pairs, threads),
      onKernels,
    ));
  const oneThread = steps / (await secondsOf(unrollInPlace(task), [pairs], onKernels));
  const engine = await oneByOne(kind, name, task, truncation);
  return {
    together,
    oneThread,
    engine,
    times: { oneThread: together / oneThread, engine: together / engine },
  };
}

/** The first truncations of pairs. */
const timesOf = (count, step) =>
  Array.from({ length: count }, (_, pair) => ({ pair, episode: 0, step, began: 0 }));

/** Inner steps a second of one network with an optimizer of the library, on the array engine. */
async function oneByOne(kind, name, task, steps) {
  const { trainNetworks } = await import("../dist/optimizers/evaluate/train-networks.js");
  const { learnedEntry } = await import("../dist/optimizers/evaluate/entries.js");
  const { optimizerKind } = await import("../dist/optimizers/registry.js");
  const theta = optimizerKind(kind).program(task.spec).initialTheta(0);
  const rule = learnedEntry(kind, { kind, theta, tensors: null, features: "", training: {} }).rule(
    task.spec,
    [0],
  );
  const run = () =>
    trainNetworks({ task, rule, seeds: [0], steps, every: steps, backend: "engine" });
  const { secondsPerStep } = await run().then(run);
  rule.close();
  return 1 / secondsPerStep;
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
    settings: { pairs, truncations: tasks, repeats, threads },
    millisecondsPerGradient: await forEach(Object.keys(tasks), gradients),
    innerStepsPerProcessorSecond: await forEach(Object.keys(tasks), (task) =>
      forEach(kinds, (kind) => metaTraining(kind, task)),
    ),
    innerStepsPerSecond: await forEach(Object.keys(tasks), (task) => twoThreads("unf-small", task)),
    millisecondsPerUpdate: await forEach(updateTasks, updates),
  };
}
