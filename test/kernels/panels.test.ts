// Large matrices that are copied in panels give the same bits as matrices that are read where they lie.

import { expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { planProgram } from "../../src/kernels/program.ts";
import { runProgram } from "../../src/kernels/run.ts";
import { startNodeThread } from "../../src/node/threads/kernel-threads.ts";
import { planLowered } from "../../src/plan/plan-spec.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { layerOf } from "../support/kernels.ts";
import { layerCase } from "../support/layers.ts";

test.each([
  [[17, 19, 3], 262, 253, 1],
  [[16, 2, 18], 300, 230, 3],
  [[33, 1, 2], 259, 261, 2],
] as const)("networks %j, %i to %i channels, batch %i", (sizes, from, to, batch) => {
  const executable = planLowered(lowerSpec(mlpSpec(sizes, { ends: "permutation" })));
  const layer = { ...layerCase(executable, 1, "mean"), channels: [from, to] as const };
  const outputs = (threads: number, inPanels: boolean, change: number) => {
    const program = planProgram({ layers: [layerOf(layer)] }, { threads, gradients: false });
    let panels = 0;
    const passes = program.passes.map(({ name, operations }) => ({
      name,
      operations: operations.map((one) => {
        if (one.kind !== "stream" || one.panel === undefined) return one;
        panels++;
        const { panel: _panel, ...rest } = one;
        return inPanels ? one : rest;
      }),
    }));
    expect(panels).toBeGreaterThan(0);
    const running = runProgram({ ...program, passes }, { start: startNodeThread, batch });
    running.resize(batch);
    const random = randomStream(1);
    const fill = (numbers: Float32Array) =>
      numbers.forEach((_, i) => (numbers[i] = random.normal()));
    for (const { buffer } of program.parameters) fill(running.numbers(buffer));
    for (const value of program.inputs) fill(running.values(value));
    running.values(program.inputs[0])[0] += change;
    running.run("prepare");
    running.run("forward");
    const found = program.outputs.map((value) => Buffer.from(running.values(value).slice().buffer));
    running.end();
    return Buffer.concat(found);
  };
  for (const threads of [1, 2])
    expect(outputs(threads, true, 0).equals(outputs(threads, false, 0))).toBe(true);
  expect(outputs(1, true, 1).equals(outputs(1, false, 0))).toBe(false);
});
