import { numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { deriveSeed, randomStream } from "../../../src/core/random.ts";
import { sizeOf } from "../../../src/core/shapes.ts";
import { keepArrays } from "../../../src/engine/arrays.ts";
import { startEngine } from "../../../src/engine/start.ts";
import { networkProbes } from "../../../src/models/running/network-probes.ts";
import { networkOf, networkNames } from "../../../src/populations/networks/task-networks.ts";
import { actOn } from "../../../src/symmetry/act.ts";
import { sampleElement } from "../../../src/symmetry/element.ts";
import { defineSpec } from "../../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../../src/symmetry/types.ts";
import { taskEntry } from "../../../src/tasks/registry.ts";
import { compileForward, compileGradients } from "../../../src/train/compiled.ts";
import { batchOf } from "../../support/batches.ts";
import { genericWeights } from "../../support/networks.ts";
import type { Weights } from "../../../src/core/tensors.ts";

beforeAll(() => startEngine());

const tasks = [
  ["digits", "digits"],
  ["digits-cnn", "digits-cnn"],
  ["digits-cnn-tanh", "digits-cnn-tanh"],
  ["digits-transformer", "digits-transformer"],
  ["digits-transformer-plain", "digits-transformer-plain"],
  ["pictures-digits", "pictures"],
  ["adders", "adder"],
] as const;

/** Weights with answers that neither vanish nor saturate; those of sine layers are small, as their frequency is 30. */
const usual = (spec: SymmetrySpec, seed: number): Weights =>
  Object.fromEntries(
    Object.entries(genericWeights(spec, seed)).map(([name, { shape, data }]) => {
      const inputs =
        (shape.length === 1 ? 4 : sizeOf(shape.slice(1))) * (name.startsWith("sine") ? 400 : 1);
      return [name, { shape, data: data.map((value) => value / Math.sqrt(inputs)) }];
    }),
  );

const valuesOf = async (array: np.Array) => (await array.data()) as Float32Array;
const largest = (values: ArrayLike<number>) =>
  Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const apart = (a: Float32Array, b: Float32Array) => largest(a.map((value, i) => value - b[i]));

/** Inputs in the usual range of a network. */
function inputsFor(name: string, count: number): np.Array {
  const { inputs } = networkOf(name)!;
  const random = randomStream(deriveSeed(5, name));
  const data = Float32Array.from({ length: count * inputs }, () => random.uniform());
  return np.array(data, { shape: [count, inputs] });
}

test.each(tasks)("networks of %s answer as their definition does", async (task, name) => {
  const spec = await taskEntry(task).spec();
  const network = networkOf(name)!;
  const weights = batchOf([usual(spec, 1), usual(spec, 2), usual(spec, 3)]);
  const inputs = inputsFor(name, 4);
  const fast = network.forward(weights, inputs.ref);
  const { groups, width } = network.answers;
  expect(fast.shape).toEqual([3, 4, groups * width]);
  const answers = await valuesOf(fast);
  const defined = await valuesOf(network.apply(weights, inputs));
  expect(apart(answers, defined)).toBeLessThan(2e-4 * (1 + largest(defined)));
  const rows = 4 * groups * width;
  expect(apart(answers.slice(0, rows), answers.slice(rows, 2 * rows))).toBeGreaterThan(1e-2);
});

test.each(tasks)(
  "predictions of %s stay when a group element acts on all tensors, not on one",
  async (task, name) => {
    const spec = await taskEntry(task).spec();
    const weights = usual(spec, 4);
    const after = actOn(spec, sampleElement(spec, 3), weights);
    const moved = Object.keys(spec.tensors).find(
      (tensor) =>
        apart(weights[tensor].data as Float32Array, after[tensor].data as Float32Array) > 0.05,
    )!;
    const half = { ...weights, [moved]: after[moved] };
    const statistics = name === "adder"; // of tensors: permutations leave them alone, scales do not
    const model = networkProbes(spec, { networks: name, probes: 6, head: [64, 3], statistics });
    const forward = compileForward(model);
    const predicted = await valuesOf(
      await forward.run(model.init(0), batchOf([weights, after, half])),
    );
    const [first, same, other] = [0, 1, 2].map((i) => predicted.slice(3 * i, 3 * i + 3));
    expect(apart(first, same)).toBeLessThan(1e-3);
    expect(apart(first, other)).toBeGreaterThan(3e-3);
  },
);

const summed = {
  valueAndGradient: (output: np.Array): [np.Array, np.Array] => [
    np.sum(np.square(output.ref)),
    np.multiply(output, 2),
  ],
};

test.each(tasks)(
  "gradients of probes and head on %s are central differences, and those of the definition",
  async (task, name) => {
    const spec = await taskEntry(task).spec();
    const batch = () => batchOf([usual(spec, 1), usual(spec, 2)]);
    const model = networkProbes(spec, {
      networks: name,
      probes: 3,
      head: [5, 2],
      statistics: name === "adder",
    });
    const forward = compileForward(model);
    const params = model.init(1);
    const targets = np.zeros([2, 2]);
    const { value, gradients } = await compileGradients(model, summed).run(
      keepArrays(params),
      batch(),
      targets,
    );
    value.dispose();
    const random = randomStream(9);
    for (const path of Object.keys(params)) {
      const values = await valuesOf(params[path].ref);
      const direction = Float32Array.from(values, () => random.normal() / Math.sqrt(values.length));
      const written = await valuesOf(gradients[path]);
      const along = written.reduce((sum, each, i) => sum + each * direction[i], 0);
      const at = async (by: number) => {
        const data = values.map((each, i) => each + by * direction[i]);
        const changed = {
          ...keepArrays(params),
          [path]: np.array(data, { shape: [...params[path].shape] }),
        };
        return (await valuesOf(await forward.run(changed, batch()))).reduce(
          (sum, each) => sum + each * each,
          0,
        );
      };
      const step = path === "probes.places" ? 1e-3 : 1e-2;
      const difference = ((await at(step)) - (await at(-step))) / (2 * step);
      expect(Math.abs(along - difference), path).toBeLessThan(0.03 * Math.abs(difference) + 5e-3);
    }
  },
);

test("gradients reach the weights too, where they are asked for", async () => {
  const spec = await taskEntry("adders").spec();
  const model = networkProbes(spec, { networks: "adder", probes: 3, head: [5, 1] });
  const [runs] = model.staged!.stages;
  const names = Object.keys(networkOf("adder")!.shapes);
  const { "probes.places": places } = model.init(1);
  const weights = usual(spec, 1);
  const answer = async (changed: Weights) => {
    const batch = batchOf([changed]);
    const [seen] = runs.compile().forward(
      { places: places.ref },
      names.map((each) => batch[each]),
    );
    return (await valuesOf(seen)).reduce((sum, each) => sum + each * each, 0);
  };
  const batch = batchOf([weights]);
  const inputs = () => names.map((each) => batch[each].ref);
  const [seen] = runs.compile().forward({ places: places.ref }, inputs());
  const gradients = runs
    .compile()
    .backward({ places: places.ref }, inputs(), [np.multiply(seen, 2)], true);
  for (const name of ["encoder/ir/kernel", "decoder/hn/bias", "dense/kernel"]) {
    const written = await valuesOf(gradients.inputs[names.indexOf(name)]);
    const at = 5;
    const moved = (by: number) => {
      const data = Float32Array.from(weights[name].data);
      data[at] += by;
      return answer({ ...weights, [name]: { shape: weights[name].shape, data } });
    };
    const difference = ((await moved(1e-2)) - (await moved(-1e-2))) / 2e-2;
    expect(Math.abs(written[at] - difference), name).toBeLessThan(
      0.02 * Math.abs(difference) + 2e-3,
    );
    expect(Math.abs(difference)).toBeGreaterThan(1e-3);
  }
});

test.each(["digits-cnn", "digits-transformer"])(
  "a network of %s whose answers overflow spoils neither predictions nor gradients of the others",
  async (name) => {
    const spec = await taskEntry(name).spec();
    const [one, two] = [usual(spec, 1), usual(spec, 2)];
    const broken = Object.fromEntries(
      Object.entries(two).map(([tensor, { shape, data }]) => [
        tensor,
        { shape, data: Float32Array.from(data, (value) => value * 1e30) },
      ]),
    );
    const model = networkProbes(spec, { networks: name, probes: 3, head: [5, 1] });
    const results = await Promise.all(
      [[one, broken], [one]].map(async (networks) => {
        const { value, gradients } = await compileGradients(model, {
          valueAndGradient: (output: np.Array): [np.Array, np.Array] => [
            np.sum(output.ref),
            np.multiply(output, 0).add(1),
          ],
        }).run(model.init(1), batchOf(networks), np.zeros([networks.length, 1]));
        expect(Number.isFinite((await valuesOf(value))[0])).toBe(true);
        return valuesOf(gradients["probes.places"]);
      }),
    );
    expect(largest(results[1])).toBeGreaterThan(1e-6);
    expect(apart(results[0], results[1])).toBeLessThan(1e-5 * (1 + largest(results[1])));
  },
);

test("a spec that no network has, that several have or that is another's is refused with what to do", async () => {
  const cnn = await taskEntry("digits-cnn").spec();
  expect(() => networkProbes(cnn)).toThrow(/those of digits-cnn, digits-cnn-tanh; say which/);
  expect(() => networkProbes(cnn, { networks: "digits" })).toThrow(/"fc1.weight" is not among/);
  expect(() => networkProbes(cnn, { networks: "cnn" })).toThrow(/one of digits, digits-cnn/);
  const adders = await taskEntry("adders").spec();
  expect(() => networkProbes(adders)).toThrow(/those of adder, adder-99; say which/);
  const dense = await taskEntry("digits").spec();
  expect(networkProbes(dense).parameterCount).toBeGreaterThan(1000);
  const other = defineSpec({
    axes: { a: { size: 3, group: "permutation" } },
    tensors: { w: { shape: [3], axes: ["a"] } },
  });
  expect(() => networkProbes(other)).toThrow(/no network that can be run has the tensors/);
  expect(networkNames()).toContain("adder");
});
