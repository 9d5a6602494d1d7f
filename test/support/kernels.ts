// Runs one equivariant layer, as of test/support/layers.ts, through generated kernels.

import { planProgram } from "../../src/kernels/program.ts";
import { type RunningProgram, runProgram } from "../../src/kernels/run.ts";
import type { KernelLayer } from "../../src/kernels/stack.ts";
import type { LayerCase, LayerResult } from "./layers.ts";

/** The layer of a case: no bias, no activation, coefficients of its own. */
export const layerOf = ({ executable, channels, aggregation }: LayerCase): KernelLayer => ({
  kind: "equivariant",
  name: "layer",
  executable,
  inputChannels: channels[0],
  outputChannels: channels[1],
  aggregation,
  bias: "none",
  positions: [],
  activation: "identity",
});

/** Copies a list of host arrays into values, once for every network of a batch. */
export function fillValues(
  running: RunningProgram,
  values: RunningProgram["program"]["inputs"],
  arrays: readonly Float64Array[],
  batch: number,
): void {
  for (const [i, value] of values.entries()) {
    const place = running.values(value);
    for (let b = 0; b < batch; b++) place.set(arrays[i], b * arrays[i].length);
  }
}

/** Outputs, gradients of inputs and of coefficients; the case's network stands at the last place of the batch. */
export function runKernels(layer: LayerCase, batch = 1, fused?: boolean): LayerResult {
  const program = planProgram({ layers: [layerOf(layer)] }, { inputGradients: true });
  const running = runProgram(program, fused === undefined ? {} : { fused });
  running.resize(batch);
  for (const [p, { buffer }] of program.parameters.entries())
    running.numbers(buffer).set(layer.matrices[p]);
  fillValues(running, program.inputs, layer.inputs, batch);
  running.run("prepare");
  running.run("forward");
  // Gradients of one network only: those of coefficients are sums over networks.
  for (const [i, value] of program.outputGradients.entries()) {
    const place = running.values(value).fill(0);
    place.set(layer.cotangents[i], place.length - layer.cotangents[i].length);
  }
  running.run("backward");
  const last = (value: (typeof program.inputs)[number]) =>
    Float64Array.from(running.values(value)).slice(-value.batch);
  return {
    outputs: program.outputs.map(last),
    inputGradients: program.inputGradients.map(last),
    matrixGradients: program.parameters.map(({ gradient }) =>
      Float64Array.from(running.numbers(gradient)),
    ),
  };
}
