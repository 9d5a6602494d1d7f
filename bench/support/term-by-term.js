// The baseline executor: every basis term on its own (reduce, mix channels, place, add), as the published code does it,
// compiled with one program per output tensor. One layer; specs without folded axes.

import { jit, numpy as np, valueAndGrad } from "@jax-js/jax";
import { takeDiagonal } from "../../dist/layers/execute.js";
import { randomArray, refAll } from "./harness.js";

/** One term: [batch, ...input dims, c] -> an array that broadcasts to [batch, ...output dims, c']. Consumes. */
function applyTerm(lowered, { output, labels }, x, coefficients) {
  const outputDims = lowered.tensors[output].dims;
  const sizes = outputDims.map(({ axis }) => lowered.axes[axis].size);
  const outputLabels = labels.slice(0, outputDims.length);
  let inputLabels = labels.slice(outputDims.length);
  for (let i = 0; i < inputLabels.length; i++) {
    for (let j = inputLabels.length - 1; j > i; j--) {
      if (inputLabels[j] !== inputLabels[i]) continue;
      x = takeDiagonal(x, i + 1, j + 1);
      inputLabels = inputLabels.toSpliced(j, 1);
    }
  }
  const dropped = inputLabels.flatMap((label, i) => (outputLabels.includes(label) ? [] : [i + 1]));
  if (dropped.length > 0) x = np.mean(x, dropped);
  const kept = inputLabels.filter((label) => outputLabels.includes(label));
  const wanted = [...new Set(outputLabels)].filter((label) => kept.includes(label));
  const order = wanted.map((label) => kept.indexOf(label));
  if (order.some((from, to) => from !== to))
    x = np.transpose(x, [0, ...order.map((dim) => dim + 1), order.length + 1]);
  const mixed = np.matmul(np.reshape(x, [-1, x.shape[x.shape.length - 1]]), coefficients);
  const first = (label, i) => outputLabels.indexOf(label) === i;
  let placed = np.reshape(mixed, [
    x.shape[0],
    ...outputLabels.map((label, i) => (first(label, i) && wanted.includes(label) ? sizes[i] : 1)),
    mixed.shape[1],
  ]);
  outputLabels.forEach((label, i) => {
    if (first(label, i)) return;
    const at = outputLabels.indexOf(label);
    const diagonal = sizes.map((size, dim) => (dim === i || dim === at ? size : 1));
    placed = np.multiply(placed, np.reshape(np.eye(sizes[i]), [1, ...diagonal, 1]));
  });
  return placed;
}

export async function termByTerm({ executable, channels, inputs, shape }, terms) {
  const { lowered } = executable;
  const [inputChannels, outputChannels] = channels;
  const programs = [];
  for (const { id } of lowered.tensors) {
    const own = terms.filter(({ output }) => output === id);
    const coefficients = [];
    for (const [i] of own.entries())
      coefficients.push(await randomArray([inputChannels, outputChannels], i));
    const apply = (coefficients, x) => {
      const total = own
        .map((term, i) => applyTerm(lowered, term, x[term.input].ref, coefficients[i]))
        .reduce((sum, placed) => np.add(sum, placed));
      for (const array of x) array.dispose();
      return np.broadcastTo(total, shape(id, outputChannels));
    };
    const both = valueAndGrad((coefficients, x) => np.sum(apply(coefficients, x)), {
      argnums: [0, 1],
    });
    programs.push({ coefficients, forward: jit(apply), both: jit(both) });
  }
  return {
    forward: () =>
      programs.map(({ coefficients, forward }) => forward(refAll(coefficients), refAll(inputs))),
    forwardBackward: () =>
      programs.flatMap(({ coefficients, both }) => {
        const [value, [toCoefficients, toInputs]] = both(refAll(coefficients), refAll(inputs));
        return [value, ...toCoefficients, ...toInputs];
      }),
  };
}
