// Several threads give what one gives, on random specs, again and again; and what they refuse.

import { afterAll, expect, test } from "vitest";
import { OptionError } from "../../src/core/errors.ts";
import { startNodeThread } from "../../src/node/threads/kernel-threads.ts";
import { planProgram } from "../../src/kernels/program.ts";
import { type RunningProgram, runProgram } from "../../src/kernels/run.ts";
import { lastingThreads, threadsFor, useKernelThreads } from "../../src/kernels/threads.ts";
import { workOfPass } from "../../src/kernels/work.ts";
import { planSpec } from "../../src/plan/plan-spec.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { randomSpec } from "../../src/testing/random.ts";
import { fillValues, layerOf } from "../support/kernels.ts";
import { layerCase, relativeError, runReference } from "../support/layers.ts";

const running: RunningProgram[] = [];
afterAll(() => running.forEach((program) => program.end()));

const batch = 2;

/** Threads, networks, and how many of these go through all kernels together. */
const crews = [
  [1, 2, 1],
  [1, 5, 2],
  [2, 2, 1],
  [2, 7, 2],
  [3, 2, 2],
  [3, 7, 1],
] as const;

test.each(crews)(
  "%i threads agree with the definition on 12 random specs, %i networks, %i together",
  (threads, batch, together) => {
    for (let seed = 0; seed < 12; seed++) {
      const executable = planSpec(randomSpec(seed, { maxEntries: 300, maxTerms: 200 }));
      const layer = layerCase(executable, seed, seed % 2 === 0 ? "mean" : "sum");
      const program = planProgram({ layers: [layerOf(layer)] }, { threads, inputGradients: true });
      const usual = seed % 2 === 0 ? 1 : 1e6;
      const own = runProgram(program, { start: startNodeThread, batch: usual, together });
      own.resize(batch);
      for (const [p, { buffer }] of program.parameters.entries())
        own.numbers(buffer).set(layer.matrices[p]);
      fillValues(own, program.inputs, layer.inputs, batch);
      const expected = runReference(layer);
      // Twice: what one step leaves behind must not reach the next.
      for (let step = 0; step < 2; step++) {
        own.run("prepare");
        own.run("forward");
        fillValues(own, program.outputGradients, layer.cotangents, batch);
        own.run("backward");
        const last = (value: (typeof program.inputs)[number]) => {
          const all = Float64Array.from(own.values(value));
          expect(
            relativeError([all.slice(0, value.batch)], [all.slice(-value.batch)]),
          ).toBeLessThan(1e-6);
          return all.slice(-value.batch);
        };
        const found = {
          outputs: program.outputs.map(last),
          inputGradients: program.inputGradients.map(last),
          matrixGradients: program.parameters.map(({ gradient }) =>
            Float64Array.from(own.numbers(gradient)).map((x) => x / batch),
          ),
        };
        for (const part of ["outputs", "inputGradients", "matrixGradients"] as const)
          expect(relativeError(found[part], expected[part]), `seed ${seed}, ${part}`).toBeLessThan(
            1e-5,
          );
      }
      const control = runReference({
        ...layer,
        inputs: layer.inputs.map((x) => x.map((y) => y + 1)),
      });
      const outputs = program.outputs.map((v) => Float64Array.from(own.values(v)).slice(-v.batch));
      expect(relativeError(outputs, control.outputs)).toBeGreaterThan(1e-3);
      own.end();
    }
  },
);

test("one thread count gives the same bits every time", () => {
  const executable = planSpec(mlpSpec([20, 30, 7], { ends: "permutation" }));
  const layer = layerCase(executable, 3, "mean");
  const program = planProgram({ layers: [layerOf(layer)] }, { threads: 2 });
  const own = runProgram(program, { start: startNodeThread });
  running.push(own);
  own.resize(batch);
  for (const [p, { buffer }] of program.parameters.entries())
    own.numbers(buffer).set(layer.matrices[p]);
  fillValues(own, program.inputs, layer.inputs, batch);
  const step = () => {
    own.run("prepare"); // which has nothing to do here, and all threads must know that it is over
    own.run("forward");
    return program.outputs.map((value) => [...own.values(value)].join()).join();
  };
  const first = step();
  for (let i = 0; i < 200; i++) expect(step()).toBe(first);
});

test("threads are used for large programs only, and only where there is a way to start them", () => {
  const layer = (sizes: number[]) => ({
    ...layerOf(layerCase(planSpec(mlpSpec(sizes, { ends: "permutation" })), 1, "mean")),
    inputChannels: 32,
    outputChannels: 32,
  });
  const small = planProgram({ layers: [layer([2, 3, 1])] });
  const large = planProgram({ layers: [layer([784, 128, 10])] });
  expect(workOfPass(large, "forward")).toBeGreaterThan(784 * 128 * 32 * 32);
  expect(threadsFor(large, 1)).toBeUndefined();
  const two = { start: startNodeThread, threads: 2, sleeps: true, atNeed: true };
  useKernelThreads({ ...two, free: () => true });
  expect(threadsFor(large, 1)?.threads).toBe(2);
  expect(threadsFor(small, 1)).toBeUndefined();
  expect(lastingThreads(1e8)?.threads).toBe(2);
  expect(lastingThreads(1e6)).toBeUndefined();
  useKernelThreads({ ...two, atNeed: false, free: () => true });
  expect(lastingThreads(1e8)).toBeUndefined(); // others would lack them
  useKernelThreads({ ...two, free: () => false });
  expect(lastingThreads(1e8)).toBeUndefined();
  expect(threadsFor(large, 1)).toBeUndefined();
  useKernelThreads({ ...two, threads: 1, free: () => true });
  expect(threadsFor(large, 1)).toBeUndefined();
  const forTwo = planProgram({ layers: [layer([2, 3, 1])] }, { threads: 2 });
  expect(() => runProgram(forTwo)).toThrow(OptionError);
});
