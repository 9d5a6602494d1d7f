// A stack of equivariant layers over atomic features, with what a benchmark compares it to: the floor, its bare matrix
// products plus one read and one write of every layer's inputs and outputs.

import { jit, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import { planSpec } from "../../dist/plan/plan-spec.js";
import { equivariantLinear } from "../../dist/layers/equivariant-linear.js";
import { slotEntries } from "../../dist/plan/plan.js";
import { randomArray, refAll, refRecord, settle, timeInTurns } from "./harness.js";

/** Layers over a spec with ReLU between them, their parameters and random inputs. */
export async function buildStack(spec, channels, batch) {
  const began = performance.now();
  const executable = planSpec(spec);
  const planMs = performance.now() - began;
  const { lowered } = executable;
  const layers = channels
    .slice(1)
    .map((outputChannels, i) =>
      equivariantLinear(executable, { inputChannels: channels[i], outputChannels, bias: "none" }),
    );
  const params = layers.map((layer, i) => layer.init(i));
  const shape = (tensor, width) => [
    batch,
    ...lowered.tensors[tensor].dims.map(({ axis }) => lowered.axes[axis].size),
    lowered.tensors[tensor].fixedSize * width,
  ];
  const inputs = [];
  for (const { id } of lowered.tensors) inputs.push(await randomArray(shape(id, channels[0]), id));
  await settle(params.flatMap((record) => Object.values(record)));
  const apply = (params, x) => {
    for (const [i, layer] of layers.entries()) {
      x = layer.apply(params[i], x);
      if (i < layers.length - 1) x = x.map((array) => nn.relu(array));
    }
    return x;
  };
  return { executable, channels, batch, params, inputs, shape, apply, planMs };
}

/** The stack's forward pass, and forward with backward (gradients of all parameters and inputs), compiled. */
export function stackWorks({ apply, params, inputs }) {
  const forward = jit(apply);
  const objective = (params, x) =>
    apply(params, x)
      .map((y) => np.sum(y))
      .reduce((a, b) => np.add(a, b));
  const both = jit(valueAndGrad(objective, { argnums: [0, 1] }));
  return {
    forward: () => forward(params.map(refRecord), refAll(inputs)),
    forwardBackward: () => {
      const [value, [toParams, toInputs]] = both(params.map(refRecord), refAll(inputs));
      return [value, ...toParams.flatMap((record) => Object.values(record)), ...toInputs];
    },
  };
}

/** The floor of a forward pass, as pieces of work whose times add up. */
export async function floorWorks({ executable, channels, batch, shape }) {
  const { plan, schedule, lowered } = executable;
  const pairs = [];
  const copied = [];
  for (let i = 1; i < channels.length; i++) {
    for (const [p, product] of plan.products.entries()) {
      const { input, output } = schedule.widths[p];
      const rows = batch * slotEntries(product);
      pairs.push(await randomArray([rows, input * channels[i - 1]], p));
      pairs.push(await randomArray([input * channels[i - 1], output * channels[i]], p + 1));
    }
    // Inputs and outputs of a layer in programs of their own: one large program would wait longer than it copies.
    for (const width of [channels[i - 1], channels[i]]) {
      const side = [];
      for (const { id } of lowered.tensors) side.push(await randomArray(shape(id, width), id));
      copied.push(side);
    }
  }
  const products = jit((list) =>
    list.flatMap((left, i) => (i % 2 === 0 ? [np.matmul(left, list[i + 1])] : [])),
  );
  const copy = jit((list) => list.map((array) => np.add(array, 1)));
  return {
    products: () => products(refAll(pairs)),
    ...Object.fromEntries(copied.map((side, i) => [`copy${i}`, () => copy(refAll(side))])),
  };
}

/** Medians of forward and floor in one run, with their ratio. */
export async function againstFloor(name, spec, channels, batch, turns, watch) {
  const stack = await buildStack(spec, channels, batch);
  const works = stackWorks(stack);
  const began = performance.now();
  await settle(works.forward());
  const firstMs = performance.now() - began;
  const peakBytes = watch.heapBytes(); // of inputs, parameters and one forward pass: nothing else ran yet
  const floor = await floorWorks(stack);
  const times = await timeInTurns({ ...works, ...floor }, turns);
  const copies = Object.keys(floor).filter((work) => work.startsWith("copy"));
  const readsAndWrites = copies.reduce((sum, work) => sum + times[work], 0);
  const floorMs = times.products + readsAndWrites;
  return {
    name,
    channels,
    batch,
    tensors: stack.executable.lowered.tensors.length,
    terms: stack.executable.plan.terms,
    products: stack.executable.plan.products.length,
    planMs: stack.planMs,
    firstForwardMs: firstMs,
    forwardPeakMegabytes: Math.round(peakBytes / 2 ** 20),
    forwardMs: times.forward,
    forwardBackwardMs: times.forwardBackward,
    floorProductsMs: times.products,
    floorReadsAndWritesMs: readsAndWrites,
    forwardOverFloor: times.forward / floorMs,
  };
}
