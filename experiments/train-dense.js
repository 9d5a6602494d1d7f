// Trains one dense ReLU classifier of a task's digits with the library's own Adam: the networks of the barrier experiment.

import { jit, nn, numpy as np } from "@jax-js/jax";
import { deriveSeed, randomStream } from "../dist/core/random.js";
import { adam } from "../dist/train/optimizers/optimizers.js";
import { applyUpdates } from "../dist/train/optimizers/update-rules.js";
import { warmupCosine } from "../dist/train/optimizers/schedules.js";

const batch = 100;

/** Fresh weights: normal of variance 2 / inputs (He et al. 2015), biases 0; tensors `fc1.weight` [out, in], `fc1.bias`, ... */
function initial(sizes, seed, scale) {
  const random = randomStream(deriveSeed(seed, "init"));
  const entries = sizes.slice(1).flatMap((size, i) => {
    const std = scale * Math.sqrt(2 / sizes[i]);
    const data = Float32Array.from({ length: size * sizes[i] }, () => std * random.normal());
    return [
      [`fc${i + 1}.weight`, np.array(data, { shape: [size, sizes[i]] })],
      [`fc${i + 1}.bias`, np.zeros([size])],
    ];
  });
  return Object.fromEntries(entries);
}

// Products stay outside fused kernels, as in the digits task: that is several times faster.
const transposed = (x) => np.swapaxes(x, 0, 1);
const forward = jit((x, weight) => np.matmul(x, transposed(weight)));
const product = jit((x, y) => np.matmul(x, y));
const productOfTransposed = jit((x, y) => np.matmul(transposed(x), y));
const activate = jit((sums, bias) => nn.relu(np.add(sums, bias)));
const throughRelu = jit((gradient, active) => np.where(np.greater(active, 0), gradient, 0));
const sumRows = jit((x) => np.sum(x, 0));
/** d loss / d scores of the mean cross-entropy: (softmax - target) / batch. */
const scoreGradient = jit((sums, bias, targets) =>
  np.multiply(np.subtract(nn.softmax(np.add(sums, bias), -1), targets), 1 / targets.shape[0]),
);

/** Gradients of the mean cross-entropy; params are kept, images and targets consumed. */
function gradientsOf(params, layers, images, targets) {
  const at = (i, kind) => params[`fc${i}.${kind}`].ref;
  const active = [images];
  for (let i = 1; i < layers; i++)
    active.push(activate(forward(active[i - 1].ref, at(i, "weight")), at(i, "bias")));
  const sums = forward(active[layers - 1].ref, at(layers, "weight"));
  let gradient = scoreGradient(sums, at(layers, "bias"), targets);
  const gradients = {};
  for (let i = layers; i >= 1; i--) {
    gradients[`fc${i}.weight`] = productOfTransposed(gradient.ref, active[i - 1].ref);
    gradients[`fc${i}.bias`] = sumRows(gradient.ref);
    if (i === 1) break;
    gradient = throughRelu(product(gradient, at(i, "weight")), active[i - 1]);
  }
  gradient.dispose();
  active[0].dispose();
  return gradients;
}

/** Weights on the host after training; the engine must run. */
export async function trainDense({ sizes, seed, train, epochs, rate, weightDecay, scale = 1 }) {
  const layers = sizes.length - 1;
  const optimizer = adam({ weightDecay });
  let params = initial(sizes, seed, scale);
  let state = optimizer.init(params);
  const update = jit((p, g, s, r) => {
    const [updates, next] = optimizer.update(g, s, p);
    return { params: applyUpdates(p, updates, r), state: next };
  });
  const steps = epochs * Math.floor(train.count / batch);
  const schedule = warmupCosine({ rate, warmup: 20 });
  const random = randomStream(deriveSeed(seed, "order"));
  let order = [];
  for (let step = 0; step < steps; step++) {
    if (order.length < batch) order = random.permutation(train.count);
    const rows = order.splice(0, batch);
    const features = sizes[0];
    const images = new Float32Array(batch * features);
    const targets = new Float32Array(batch * sizes[layers]);
    for (const [i, row] of rows.entries()) {
      images.set(train.inputs.subarray(row * features, (row + 1) * features), i * features);
      targets[i * sizes[layers] + train.labels[row]] = 1;
    }
    const grads = gradientsOf(
      params,
      layers,
      np.array(images, { shape: [batch, features] }),
      np.array(targets, { shape: [batch, sizes[layers]] }),
    );
    ({ params, state } = update(params, grads, state, np.array(schedule(step, steps))));
    for (const array of Object.values(params)) await array.blockUntilReady();
  }
  for (const array of Object.values(state)) array.dispose();
  const weights = {};
  for (const [name, array] of Object.entries(params)) {
    const shape = [...array.shape];
    weights[name] = { shape, data: await array.data() };
  }
  return weights;
}
