import { grad, numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { keepArrays } from "../../src/engine/arrays.ts";
import { randomStream } from "../../src/core/random.ts";
import type { Weights } from "../../src/core/tensors.ts";
import type { Params, WeightBatch } from "../../src/models/model.ts";
import { pictureEditor, type PictureEditorOptions } from "../../src/models/picture-editor.ts";
import { initSiren } from "../../src/populations/networks/siren.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { mlpSpec, sirenSpec } from "../../src/symmetry/presets/mlp.ts";
import { compileForward, compileGradients } from "../../src/train/compiled.ts";
import { meanSquaredError } from "../../src/train/measures/objectives.ts";
import { pictureSpec, renderPictures } from "../../src/tasks/pictures.ts";
import { randomWeights } from "../../src/testing/random.ts";
import { pixelPlaces } from "../../src/models/picture-editor.ts";

beforeAll(() => startEngine());

const shape = { inputs: 2, hidden: 32, outputs: 1, depth: 2, omega: 30 } as const;
/** A fresh sine network whose biases are not 0. */
const network = (seed: number): Weights =>
  Object.fromEntries(
    Object.entries(initSiren(shape, randomStream(seed))).map(([name, { shape: sizes, data }]) => {
      const random = randomStream(seed + 100);
      return [name, { shape: sizes, data: data.map((value) => value + 0.01 * random.normal()) }];
    }),
  );
const batchOf = (networks: readonly Weights[]): WeightBatch =>
  Object.fromEntries(
    Object.entries(networks[0]).map(([name, { shape: sizes, data }]) => {
      const all = new Float32Array(networks.length * data.length);
      networks.forEach((weights, i) => all.set(weights[name].data, i * data.length));
      return [name, np.array(all, { shape: [networks.length, ...sizes] })];
    }),
  );
const small: PictureEditorOptions = {
  pixels: [4, 5],
  hidden: [4],
  scales: { "sine2.weight": 0.01 },
};
const largest = (values: Iterable<number>) => Math.max(...Array.from(values, Math.abs));

/** Parameters whose gammas are large enough for a change to be seen. */
function bold(params: Params): Params {
  return Object.fromEntries(
    Object.entries(params).map(([name, array]) => [
      name,
      name.startsWith("gamma.") ? np.multiply(array, 20) : array,
    ]),
  );
}

test.each(["nfn-np", "nfn-hnp", "unf"] as const)(
  "%s: networks are edited, and in the same way after their units were reordered",
  async (map) => {
    const spec = await pictureSpec();
    const model = pictureEditor(spec, { ...small, map, copies: 2 });
    const weights = network(1);
    const moved = actOn(spec, sampleElement(spec, 2, { scales: false }), weights);
    const half = { ...weights, "sine2.weight": moved["sine2.weight"] };
    const applied = model.apply(bold(model.init(3)), batchOf([weights, moved, half]));
    const drawn = (await applied.data()) as Float32Array;
    const row = (i: number) => drawn.slice(20 * i, 20 * i + 20);
    const distance = (a: Float32Array, b: Float32Array) =>
      largest(a.map((value, i) => value - b[i]));
    expect(distance(row(0), row(1))).toBeLessThan(1e-4);
    expect(distance(row(0), row(2))).toBeGreaterThan(1e-2); // control: no symmetry
    const unchanged = await renderPictures(batchOf([weights]), pixelPlaces(4, 5));
    expect(
      distance(
        row(0),
        unchanged.map((value) => (value + 1) / 2),
      ),
    ).toBeGreaterThan(1e-3);
  },
);

test("compiled stages give the predictions and the gradients of the definition", async () => {
  const spec = await pictureSpec();
  for (const copies of [1, 3]) {
    const model = pictureEditor(spec, { ...small, copies });
    const networks = [network(1), network(2)];
    const params = bold(model.init(4));
    const expected = await model.apply(keepArrays(params), batchOf(networks)).data();
    const forward = compileForward(model);
    const outputs = await forward.run(keepArrays(params), batchOf(networks));
    const found = await outputs.data();
    expect(largest(found.map((value, i) => value - expected[i]))).toBeLessThan(2e-5);
    const targets = () => np.zeros([2, 20]);
    const gradients = compileGradients(model, meanSquaredError);
    const compiled = await gradients.run(keepArrays(params), batchOf(networks), targets());
    const automatic = grad((p: Params) =>
      meanSquaredError.value(model.apply(p, batchOf(networks)), targets()),
    )(keepArrays(params)) as Params;
    for (const name of Object.keys(params)) {
      const [a, b] = [await automatic[name].data(), await compiled.gradients[name].data()];
      const most = largest(a);
      expect(most, name).toBeGreaterThan(0);
      expect(largest(a.map((value, i) => value - b[i])), name).toBeLessThan(1e-3 * most + 1e-7);
    }
    forward.dispose();
    gradients.dispose();
  }
});

test("networks of any depth, and of units that fill no vector, are edited", async () => {
  for (const sizes of [
    [2, 1],
    [2, 8, 1],
    [2, 8, 12, 1],
    [2, 6, 6, 1],
    [2, 8, 8, 8, 1],
  ]) {
    const spec = sirenSpec(sizes);
    const model = pictureEditor(spec, { ...small, scales: {} });
    const weights = Object.fromEntries(
      Object.entries(randomWeights(spec, 1)).map(([name, { shape: lengths, data }]) => [
        name,
        { shape: lengths, data: Float32Array.from(data, (value) => 0.1 * value) }, // sines lose no digits
      ]),
    );
    const applied = await model.apply(model.init(2), batchOf([weights])).data();
    const staged = await (
      await compileForward(model).run(model.init(2), batchOf([weights]))
    ).data();
    expect(largest(staged.map((value, i) => value - applied[i]))).toBeLessThan(1e-4);
    expect(largest(applied)).toBeGreaterThan(1e-3);
  }
});

test("networks that are no grey images are refused", () => {
  for (const spec of [
    mlpSpec([3, 4, 1]),
    sirenSpec([2, 8, 3]),
    mlpSpec([2, 4, 1], { bias: false }),
  ])
    expect(() => pictureEditor(spec)).toThrow(
      /expected networks from 2 coordinates to 1 brightness/,
    );
  expect(() => pictureEditor(sirenSpec([2, 8, 1]), { copies: 0 })).toThrow(/copies expected/);
});
