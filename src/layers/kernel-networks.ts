// A stack of layers on generated kernels for several networks, each with parameters of its own: one network after another goes
// through the same small arena, so that what lies between two layers stays in the processor's caches.

import { numpy as np } from "@jax-js/jax";
import type { ArrayRecord } from "../engine/arrays.ts";
import { planProgram } from "../kernels/program.ts";
import { type RunningProgram, runProgram } from "../kernels/run.ts";
import type { KernelStack } from "../kernels/stack.ts";

/** The results of a stack, one array [n, ...dims, fixed * channels] a tensor. @keeps params @consumes inputs */
export type RunNetworks = (params: ArrayRecord, inputs: readonly np.Array[]) => np.Array[];

/** Numbers of arrays that stay the same for many calls. */
function readOnce(): (array: np.Array) => Float32Array {
  const known = new WeakMap<np.Array, Float32Array>();
  return (array) => {
    const numbers = known.get(array) ?? (array.ref.dataSync() as Float32Array);
    known.set(array, numbers);
    return numbers;
  };
}

/** Numbers of one network among those of n. */
export const partOf = (numbers: Float32Array, at: number, n: number): Float32Array => {
  const size = numbers.length / n;
  return numbers.subarray(at * size, (at + 1) * size);
};

/** Runs n networks through a stack without pooling, whose parameters are arrays [n, ...] under their paths, on one thread. */
export function kernelNetworks(stack: () => KernelStack): RunNetworks {
  let running: RunningProgram | undefined;
  const numbersOf = readOnce();
  return (params, inputs) => {
    running ??= runProgram(planProgram(stack(), { gradients: false }));
    const { program } = running;
    running.resize(1);
    const n = inputs[0].shape[0];
    const values = inputs.map((input) => input.dataSync() as Float32Array);
    const matrices = program.parameters.map(({ path }) => numbersOf(params[path]));
    const results = program.outputs.map(
      ({ batch }) => new Float32Array(new ArrayBuffer(4 * n * batch)),
    );
    for (let at = 0; at < n; at++) {
      for (const [p, { buffer }] of program.parameters.entries())
        running.numbers(buffer).set(partOf(matrices[p], at, n));
      running.run("prepare");
      for (const [i, value] of program.inputs.entries())
        running.values(value).set(partOf(values[i], at, n));
      running.run("forward");
      for (const [i, value] of program.outputs.entries())
        partOf(results[i], at, n).set(running.values(value));
    }
    return program.outputs.map(({ sizes, columns }, i) =>
      np.array(results[i], { shape: [n, ...sizes, columns] }),
    );
  };
}
