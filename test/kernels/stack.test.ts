// Stacks of layers on kernels against the same stacks on the engine, stage by stage: every activation and option, losses
// and all gradients; what they refuse; and that nothing grows.

import { numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { UnsupportedError } from "../../src/core/errors.ts";
import { startEngine } from "../../src/engine/start.ts";
import { type Backend, backendNames } from "../../src/kernels/backend.ts";
import { planProgram } from "../../src/kernels/program.ts";
import { runProgram } from "../../src/kernels/run.ts";
import type { Params } from "../../src/models/model.ts";
import { equivariantUNF, hybridUNF, unf, type UNFOptions } from "../../src/models/unf.ts";
import { planSpec } from "../../src/plan/plan-spec.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { toBatch } from "../../src/testing/equivariance.ts";
import { randomSpec, randomWeights } from "../../src/testing/random.ts";
import { keepArrays } from "../../src/engine/arrays.ts";
import { compileGradients } from "../../src/train/compiled.ts";
import { meanSquaredError } from "../../src/train/measures/objectives.ts";
import { layerOf } from "../support/kernels.ts";
import { layerCase } from "../support/layers.ts";
import { liveArrays } from "../support/live-arrays.ts";

beforeAll(() => startEngine());

const tolerance = 1e-5;

const batchOf = (spec: SymmetrySpec, networks: number) => {
  const each = Array.from({ length: networks }, (_, i) => toBatch(randomWeights(spec, i)));
  return Object.fromEntries(
    Object.keys(spec.tensors).map((name) => [
      name,
      np.concatenate(
        each.map((network) => network[name]),
        0,
      ),
    ]),
  );
};

/** Loss and gradients by name. */
async function gradientsOf(spec: SymmetrySpec, options: UNFOptions, networks: number) {
  const model = options.pointwise === undefined ? unf(spec, options) : hybridUNF(spec, options);
  const compiled = compileGradients(model, meanSquaredError);
  const targets = np
    .array(Float32Array.from({ length: networks }, (_, i) => i - 0.4))
    .reshape([networks, 1]);
  const params = model.init(3);
  const { value, gradients } = await compiled.run(params, batchOf(spec, networks), targets);
  compiled.dispose();
  const numbers: Record<string, Float32Array> = {};
  for (const [name, array] of Object.entries({ ...gradients, loss: value }))
    numbers[name] = (await array.data()) as Float32Array;
  return numbers;
}

/** Largest difference of any parameter's gradient, relative to the largest gradient of its kind of layer. */
function difference(a: Record<string, Float32Array>, b: Record<string, Float32Array>): number {
  const size = (values: Float32Array) => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const largest = Object.values(b).reduce((most, values) => Math.max(most, size(values)), 0);
  return Math.max(
    ...Object.keys(b).map(
      (name) =>
        size(a[name].map((x, i) => x - b[name][i])) / Math.max(0.01 * largest, size(b[name])),
    ),
  );
}

const variants: readonly [name: string, seed: number, networks: number, options: UNFOptions][] = [
  ["tanh, shared coefficients", 11, 3, { activation: "tanh", share: {} }],
  [
    "gelu, bias a tensor, fixed axes folded",
    12,
    2,
    { activation: "gelu", bias: "tensor", fixedAxes: "fold" },
  ],
  [
    "leaky ReLU, sums, mean pooling",
    13,
    4,
    { activation: "leaky-relu", aggregation: "sum", pooling: "mean" },
  ],
  [
    "ReLU, pointwise layers before",
    14,
    1,
    { activation: "relu", pointwise: 2, channels: [1, 6, 5, 4] },
  ],
  [
    "no activation, no bias, no positions",
    15,
    5,
    { activation: "identity", bias: "none", positions: false },
  ],
];

test.each(variants)(
  "%s: all backends give the same gradients",
  async (_, seed, networks, options) => {
    const spec = randomSpec(seed, { maxEntries: 60, maxTerms: 100 });
    const own = { channels: [1, 5, 4], head: [6, 1], ...options };
    const [kernels, engine, reference] = await Promise.all(
      backendNames.map(async (backend) => gradientsOf(spec, { ...own, backend }, networks)),
    );
    for (const other of [kernels, reference]) {
      expect(Object.keys(other).toSorted()).toEqual(Object.keys(engine).toSorted());
      expect(difference(other, engine)).toBeLessThan(tolerance);
    }
    expect(difference(kernels, reference)).toBeLessThan(tolerance);
    // Control: another activation shows.
    const activation = options.activation === "tanh" ? "relu" : "tanh";
    const wrong = await gradientsOf(spec, { ...own, activation, backend: "kernels" }, networks);
    expect(difference(wrong, engine)).toBeGreaterThan(100 * tolerance);
  },
);

test("an equivariant functional gives the same arrays on all, and changes with its parameters", async () => {
  const spec = mlpSpec([3, 6, 2]);
  const model = (backend: Backend) => equivariantUNF(spec, { channels: [1, 4, 2], backend });
  const run = async (backend: Backend, params: Params) => {
    const outputs = model(backend).apply(params, batchOf(spec, 2));
    const [array] = Object.values(outputs);
    for (const other of Object.values(outputs).slice(1)) other.dispose();
    return (await array.data()) as Float32Array;
  };
  const kernels = await run("kernels", model("kernels").init(1));
  const engine = await run("engine", model("engine").init(1));
  expect(kernels.length).toBe(engine.length);
  const reference = await run("reference", model("reference").init(1));
  expect(Math.max(...kernels.map((x, i) => Math.abs(x - engine[i])))).toBeLessThan(1e-5);
  expect(Math.max(...kernels.map((x, i) => Math.abs(x - reference[i])))).toBeLessThan(1e-5);
  expect(await run("kernels", model("kernels").init(2))).not.toEqual(kernels);
});

test("10,000 steps in one arena: memory stays, numbers stay", () => {
  const executable = planSpec(mlpSpec([2, 3, 1]));
  const layer = layerOf(layerCase(executable, 1, "mean"));
  const program = planProgram({ layers: [{ ...layer, activation: "relu" }] });
  const running = runProgram(program);
  running.resize(2);
  for (const { buffer } of program.parameters) running.numbers(buffer).fill(0.5);
  for (const value of program.inputs) running.values(value).fill(0.25);
  for (const value of program.outputGradients) running.values(value).fill(1);
  const step = () => {
    for (const pass of ["prepare", "forward", "backward"] as const) running.run(pass);
    return [program.outputs[0], program.outputGradients[0]].map((v) =>
      [...running.values(v)].join(),
    );
  };
  const [first, bytes] = [step(), running.memoryBytes()];
  for (let i = 0; i < 10_000; i++) step();
  expect(step()).toEqual(first);
  expect(running.memoryBytes()).toBe(bytes);
  running.resize(100_000); // control: a larger batch needs more
  expect(running.memoryBytes()).toBeGreaterThan(bytes);
});

test("training steps leave no arrays behind", async () => {
  const spec = mlpSpec([2, 3, 1]);
  const model = unf(spec, { channels: [1, 4, 4], head: [4, 1] });
  const compiled = compileGradients(model, meanSquaredError);
  const params = model.init(1);
  const step = async () => {
    const targets = np.array([0.5, 1], { shape: [2, 1] });
    const { value, gradients } = await compiled.run(keepArrays(params), batchOf(spec, 2), targets);
    for (const array of [value, ...Object.values(gradients)]) array.dispose();
  };
  const live = await liveArrays();
  await step();
  const before = live();
  for (let i = 0; i < 20; i++) await step();
  expect(live()).toBe(before);
});

test("a stack whose layers do not fit together is refused, and the engine named", () => {
  const [small, large] = [3, 4].map((size) =>
    layerOf(layerCase(planSpec(mlpSpec([2, size, 1])), 1, "mean")),
  );
  const second = { ...small, inputChannels: small.outputChannels, name: "second" };
  expect(() => planProgram({ layers: [small, second] })).not.toThrow();
  expect(() => planProgram({ layers: [large, second] })).toThrow(UnsupportedError);
  expect(() => planProgram({ layers: [large, second] })).toThrow(
    /second reads .* backend "engine"/,
  );
});
