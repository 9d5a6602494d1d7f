// Functionals over products of weights on kernels against the same on the array engine: predictions and all gradients; and what
// the backward pass keeps.

import { numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { keptBuffers, keptBytes } from "../../src/kernels/passes/kept.ts";
import { runProgram } from "../../src/kernels/run.ts";
import { startNodeThread } from "../../src/node/threads/kernel-threads.ts";
import { randomStream } from "../../src/core/random.ts";
import type { KernelStage } from "../../src/layers/kernel-stage.ts";
import { planProgram } from "../../src/kernels/program.ts";
import { buildModel } from "../../src/models/registry.ts";
import type { Model, Params } from "../../src/models/model.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { randomWeights } from "../../src/testing/random.ts";
import { compileForward, compileGradients } from "../../src/train/compiled.ts";
import { binaryCrossEntropy } from "../../src/train/measures/objectives.ts";
import { noisyParams, refAll } from "../support/maps.ts";
import { randomChargedSpec } from "../support/random/random-charged-spec.ts";

beforeAll(() => startEngine());

const batch = 3;

/** Several networks in one batch. */
function batchOf(spec: SymmetrySpec): Params {
  const networks = Array.from({ length: batch }, (_, i) => randomWeights(spec, i));
  return Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => {
      const data = networks.flatMap((network) => [...network[name].data]);
      return [name, np.array(Float32Array.from(data)).reshape([batch, ...shape])];
    }),
  );
}

/** The stage of a model that runs on kernels. */
function stackOf({ staged }: Model): KernelStage {
  const stages = staged?.stages ?? [];
  const found = stages.find((one): one is KernelStage => "kernels" in one);
  if (found === undefined) throw new Error("no stage runs on kernels");
  return found;
}

const numbers = async (array: np.Array) => [...((await array.data()) as Float32Array)];

/** Predictions and gradients of the mean loss, by parameter. */
async function passes(model: Model, params: Params, weights: Params) {
  const predictions = await compileForward(model).run(refAll(params), refAll(weights));
  const targets = np.array([1, 0, 1]).reshape([batch, 1]);
  const both = compileGradients(model, binaryCrossEntropy);
  const { gradients } = await both.run(refAll(params), refAll(weights), targets);
  const lists = Object.entries(gradients).map(
    async ([path, array]) => [path, await numbers(array)] as const,
  );
  return {
    predictions: await numbers(predictions),
    gradients: Object.fromEntries(await Promise.all(lists)),
  };
}

/** Largest difference, relative to the largest entry. */
function gap(a: readonly number[], b: readonly number[]): number {
  expect(a).toHaveLength(b.length);
  const size = Math.max(...a.map(Math.abs), 1e-6);
  return Math.max(...a.map((x, i) => Math.abs(x - b[i]))) / size;
}

const kernel = (axis: string) => `${axis}, 3`.split(", ");

/** A CNN whose kernels are fixed blocks. */
const cnn = defineSpec({
  axes: {
    in: { size: 1, group: "fixed" },
    out: { size: 2, group: "fixed" },
    c1: { size: 3, group: "permutation", scale: "positive" },
    c2: { size: 4, group: "permutation", scale: "positive" },
  },
  tensors: {
    "conv1.weight": ["c1", "in", ...kernel("3")],
    "conv1.bias": ["c1"],
    "conv2.weight": ["c2", "c1^-1", ...kernel("3")],
    "conv2.bias": ["c2"],
    "fc.weight": ["out", "c2^-1"],
    "fc.bias": ["out"],
  },
});

/** Queries and keys with a basis of their own in every head, beside a positive axis. */
const attention = defineSpec({
  axes: {
    e: { size: 3, group: "permutation" },
    head: { size: 2, group: "permutation" },
    q: { size: 2, group: "general-linear", within: "head" },
    h: { size: 3, group: "permutation", scale: "positive" },
  },
  tensors: {
    query: { shape: [4, 3], axes: ["head * q", "e"] },
    "query.bias": { shape: [4], axes: ["head * q"] },
    key: { shape: [4, 3], axes: ["head * q^-1", "e"] },
    "fc1.weight": ["h", "e"],
    "fc2.weight": ["e", "h^-1"],
  },
});

type Case = readonly [name: string, model: string, spec: SymmetrySpec, channels: readonly number[]];

const cases: readonly Case[] = [
  [
    "an MLP, channels that fill no vector",
    "unf-products",
    mlpSpec([2, 5, 6, 3], { scale: "positive" }),
    [1, 3, 2],
  ],
  ["a CNN with kernels", "unf-products", cnn, [1, 4, 8]],
  ["bases, with gates", "unf-products", attention, [1, 4, 4]],
  ["axes within axes", "unf-products", randomChargedSpec(33).spec, [1, 2, 3]],
  ["signs", "monomial", mlpSpec([2, 5, 6, 3], { scale: "sign" }), [1, 3, 5]],
  ["a CNN with kernels", "monomial", cnn, [1, 4, 8]],
  ["signs", "magep", mlpSpec([2, 5, 6, 3], { scale: "sign" }), [1, 3, 2]],
  ["a CNN with kernels", "magep", cnn, [1, 4, 3]],
];

describe("kernels give what the engine gives: predictions and gradients of all parameters", () => {
  test.each(cases)("%s, %s", { timeout: 300_000 }, async (_, name, spec, channels) => {
    const options = { channels, head: [4, 1] };
    const [onEngine, onKernels] = (["engine", "kernels"] as const).map((backend) =>
      buildModel(name, spec, { ...options, backend }),
    );
    expect(onKernels.parameterCount).toBe(onEngine.parameterCount);
    const params = noisyParams(onEngine, 4);
    const weights = batchOf(spec);
    const exact = await passes(onEngine, params, weights);
    const made = await passes(onKernels, params, weights);
    expect(gap(exact.predictions, made.predictions)).toBeLessThan(1e-4);
    const called = await numbers(onKernels.apply(refAll(params), refAll(weights)));
    expect(gap(made.predictions, called)).toBeLessThan(1e-6);
    expect(Object.keys(made.gradients).toSorted()).toEqual(Object.keys(params).toSorted());
    let changed = 0;
    for (const [path, gradient] of Object.entries(exact.gradients)) {
      const largest = Math.max(...gradient.map(Math.abs));
      if (largest < 1e-3) continue; // what is left of sums that cancel
      expect(gap(gradient, made.gradients[path]), path).toBeLessThan(2e-3);
      // Control: entries in another order.
      if (gradient.length > 1 && gap(gradient, made.gradients[path].toReversed()) > 0.05) changed++;
    }
    expect(changed).toBeGreaterThan(5);
  });
});

test("derived tensors without a sum over an axis are computed again, not kept", () => {
  const spec = mlpSpec([2, 32, 32, 3], { scale: "positive" });
  const options = { channels: [1, 16, 16], head: [64, 1] };
  const programOf = (name: string) => {
    return planProgram(stackOf(buildModel(name, spec, options)).kernels());
  };
  const [plain, products, published] = ["nfn-hnp", "unf-products", "magep"].map(programOf);
  expect(keptBuffers(products).map(({ name }) => name)).not.toContain("scratch");
  expect(products.layout.buffers.map(({ name }) => name)).toContain("scratch");
  expect(keptBytes(products) / keptBytes(plain)).toBeLessThan(2);
  expect(keptBytes(published) / keptBytes(plain)).toBeLessThan(2.5);
  // Control: what a backward pass reads without making it is counted, the layers' outputs among it.
  const outputs = 4 * 16 * 2 * 32 * 32;
  expect(keptBytes(plain)).toBeGreaterThan(outputs);
  const [forward] = programOf("nfn-hnp").passes.filter(({ name }) => name === "forward");
  const alone = { ...plain, passes: [forward] };
  expect(keptBytes(alone)).toBe(0);
});

test("two threads give what one gives, whether they share networks or rows", () => {
  for (const [, name, spec, channels] of [cases[2], cases[5]]) {
    const model = buildModel(name, spec, { channels, head: [4, 1] });
    const params = noisyParams(model, 4);
    const stack = stackOf(model);
    const prefix = stack.scope === "" ? "" : `${stack.scope}.`;
    const passesOn = (threads: number, networks: number) => {
      const program = planProgram(stack.kernels(), { threads });
      const running = runProgram(program, threads === 1 ? {} : { start: startNodeThread });
      running.resize(networks);
      for (const { path, buffer } of program.parameters)
        running.numbers(buffer).set(params[prefix + path].ref.dataSync() as Float32Array);
      const random = randomStream(7);
      const fill = (values: typeof program.inputs) => {
        for (const value of values) {
          const place = running.values(value);
          for (let i = 0; i < place.length; i++) place[i] = random.normal();
        }
      };
      fill(program.inputs);
      running.run("prepare");
      running.run("forward");
      const outputs = program.outputs.flatMap((value) => [...running.values(value)]);
      fill(program.outputGradients);
      running.run("backward");
      const gradients = program.parameters.map(({ gradient }) => [...running.numbers(gradient)]);
      running.end();
      return { outputs, gradients };
    };
    for (const networks of [2, 5]) {
      const [one, two] = [passesOn(1, networks), passesOn(2, networks)];
      expect(gap(one.outputs, two.outputs)).toBeLessThan(1e-6);
      for (const [i, gradient] of one.gradients.entries())
        expect(gap(gradient, two.gradients[i])).toBeLessThan(1e-5);
      const other = passesOn(2, networks + 1); // the control
      expect(gap(one.gradients[0], other.gradients[0])).toBeGreaterThan(1e-3);
    }
  }
});
