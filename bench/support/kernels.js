// A stack of layers on generated kernels, as benchmarks run it.

import { startNodeThread } from "../../dist/node/threads/kernel-threads.js";
import { planProgram } from "../../dist/kernels/program.js";
import { runProgram } from "../../dist/kernels/run.js";
import { mergeTensors } from "../../dist/plan/merge-tensors.js";
import { planLowered } from "../../dist/plan/plan-spec.js";
import { lowerSpec } from "../../dist/symmetry/lower.js";
import { randomStream } from "../../dist/core/random.js";

/** Layers over merged tensors, as functionals have them, with ReLU between them; gradients of everything. */
export function kernelStack(spec, channels, batch, threads) {
  const began = performance.now();
  const executable = planLowered(mergeTensors(lowerSpec(spec)));
  const layers = channels.slice(1).map((outputChannels, i) => ({
    kind: "equivariant",
    name: `layer${i}`,
    executable,
    inputChannels: channels[i],
    outputChannels,
    aggregation: "mean",
    bias: "none",
    positions: [],
    activation: i < channels.length - 2 ? "relu" : "identity",
  }));
  const program = planProgram({ layers }, { inputGradients: true, threads });
  const running = runProgram(program, { start: startNodeThread, batch });
  running.resize(batch);
  const random = randomStream(1);
  const fill = (numbers) => {
    for (let i = 0; i < numbers.length; i++) numbers[i] = 0.2 * (random.uniform() - 0.5);
  };
  for (const { buffer } of program.parameters) fill(running.numbers(buffer));
  for (const value of program.inputs) fill(running.values(value));
  for (const value of program.outputGradients) running.values(value).fill(1);
  const forward = () => {
    running.run("prepare");
    running.run("forward");
  };
  const backward = () => {
    forward();
    running.run("backward");
  };
  forward();
  const firstForwardMs = performance.now() - began;
  backward();
  return {
    program,
    forward,
    backward,
    firstForwardMs,
    firstBackwardMs: performance.now() - began,
    megabytes: running.memoryBytes() / 2 ** 20,
    end: () => running.end(),
  };
}
