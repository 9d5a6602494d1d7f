// Laws of activation matching: values of a graph move with its weights, and a planted element is found again from what
// units do, without a look at the weights.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { graphActivations } from "../../src/align/activations/graph-activations.ts";
import { inputBatches } from "../../src/align/activations/graph-inputs.ts";
import {
  type Activations,
  matchActivations,
} from "../../src/align/activations/match-activations.ts";
import { alignActivations } from "../../src/align/activations/align-activations.ts";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import type { Tensor, Weights } from "../../src/core/tensors.ts";
import { decodeTensor } from "../../src/formats/onnx/onnx-tensor.ts";
import { modelWriter, withOutputs } from "../../src/formats/onnx/onnx-write.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { actOn, actOnTensor } from "../../src/symmetry/act.ts";
import { invertElement, sampleElement } from "../../src/symmetry/element.ts";
import { type Inference, inferSpec } from "../../src/infer/infer.ts";
import { onnxRuntime } from "../../src/runtime/onnx-runtime.ts";
import { randomInputs } from "../../src/infer/proof/random-inputs.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { permutationsOf, weightReader as reader } from "../support/networks.ts";

const folder = new URL("../fixtures/models/", import.meta.url);
const models = readdirSync(folder).filter((file) => file.endsWith(".onnx"));
const seed = 11;
const executor = await onnxRuntime();

function load(file: string) {
  const bytes = readFileSync(new URL(file, folder));
  const inference = inferSpec(readOnnx(bytes));
  const weights: Weights = Object.fromEntries(
    Object.entries(inference.spec.tensors).flatMap(([name, { shape }]) => {
      const tensor = inference.graph.initializers.get(name);
      return tensor === undefined ? [] : [[name, { shape, data: decodeTensor(tensor) }] as const];
    }),
  );
  return { bytes, inference, weights, write: modelWriter(bytes) };
}

type Numbers = { readonly data: Tensor["data"] };

function farthest(a: Numbers, b: Numbers): number {
  let most = 0;
  for (let i = 0; i < a.data.length; i++) most = Math.max(most, Math.abs(a.data[i] - b.data[i]));
  return most;
}

/** Samples in another order: even what the borders of images have in common is lost. */
const shuffled = (activations: Activations): Activations =>
  Object.fromEntries(
    Object.entries(activations).map(([axis, arrays]) => [
      axis,
      arrays.map(({ shape, data }) => {
        const [samples, units] = shape;
        const order = randomStream(seed).permutation(samples);
        const rows = order.map((from) => data.subarray(from * units, (from + 1) * units));
        return { shape, data: Float32Array.from(rows.flatMap((row) => [...row])) };
      }),
    ]),
  );

/** 30 batches of normal inputs, as one array an input. */
function normalInputs({ graph, inputShapes }: Inference, stream: number): Weights {
  const random = randomStream(stream);
  return Object.fromEntries(
    graph.inputs.map(({ name }, i) => {
      const [batch, ...rest] = inputShapes[i] ?? [];
      const shape = [30 * batch, ...rest];
      return [
        name,
        { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => random.normal()) },
      ];
    }),
  );
}

describe("values of a graph move with its weights", () => {
  for (const file of models) {
    test(file, async () => {
      const { bytes, inference, weights, write } = load(file);
      const { spec } = inference;
      const axes = inference.valueAxes();
      const inputs = randomInputs(inference.graph)(inference.inputShapes, seed);
      const linear = Object.keys(spec.axes).filter((a) => spec.axes[a].group === "general-linear");
      const element = Object.fromEntries(
        Object.entries(sampleElement(spec, seed, { scales: false })).filter(
          ([axis]) => !linear.includes(axis),
        ),
      );
      const before = await executor.run(withOutputs(bytes, axes.keys()), inputs);
      const moved = write(actOn(spec, element, weights));
      const after = await executor.run(withOutputs(moved, axes.keys()), inputs);
      let moving = 0;
      for (const [name, dims] of axes) {
        const { shape, data } = before[name];
        const told = { ...spec, tensors: { [name]: { shape, axes: dims } } };
        const expected = actOnTensor(told, element, name, { shape, data: data as Float32Array });
        const found = after[name].data as Float32Array;
        const zero = { data: found.map(() => 0) };
        const largest = Math.max(1e-6, farthest(expected, zero));
        expect(farthest({ data: found }, expected) / largest, name).toBeLessThan(2e-4);
        if (farthest({ data: found }, { data: data as Float32Array }) > 0.01 * largest) moving++;
      }
      if (Object.keys(element).length > 0) expect(moving).toBeGreaterThan(0); // control
    });
  }
});

describe(`a planted element is found by activations alone (seed ${seed})`, () => {
  for (const file of ["mlp", "siren", "cnn_flatten", "cnn_gap", "resnet", "grouped_conv", "lstm"]) {
    test(file, async () => {
      const { bytes, inference, weights, write } = load(`${file}.onnx`);
      const { spec, graph } = inference;
      const planted = sampleElement(spec, seed);
      const other = write(actOn(spec, planted, weights));
      const batches = inputBatches(graph, normalInputs(inference, seed));
      const a = await graphActivations(inference, bytes, executor, batches);
      const b = await graphActivations(inference, other, executor, batches);
      const match = await matchActivations(spec, a, b);
      const wanted = invertElement(spec, planted);
      expect(permutationsOf(spec, match.element)).toEqual(permutationsOf(spec, wanted));
      for (const axis of Object.keys(spec.axes).filter((name) => spec.axes[name].scale === "sign"))
        expect(match.element[axis].scales).toEqual(wanted[axis].scales);
      expect(match.correlation).toBeGreaterThan(0.9);
      const unrelated = inputBatches(graph, normalInputs(inference, seed + 1));
      const c = await graphActivations(inference, other, executor, unrelated);
      const control = await matchActivations(spec, a, shuffled(c));
      expect(permutationsOf(spec, control.element)).not.toEqual(permutationsOf(spec, wanted));
      expect(control.correlation).toBeLessThan(0.5);
    });
  }
});

test("scales and everything without activations are settled by the weights", async () => {
  const { bytes, inference, weights, write } = load("torch_mha.onnx");
  const { spec, graph } = inference;
  const planted = sampleElement(spec, seed);
  const moved = actOn(spec, planted, weights);
  const batches = inputBatches(graph, normalInputs(inference, seed));
  const found = await alignActivations(
    spec,
    {
      read: reader(weights),
      activations: await graphActivations(inference, bytes, executor, batches),
    },
    {
      read: reader(moved),
      activations: await graphActivations(inference, write(moved), executor, batches),
    },
  );
  expect(found.similarity).toBeCloseTo(1, 3);
  const back = actOn(spec, found.element, moved);
  for (const [name, { data }] of Object.entries(weights))
    for (const [i, x] of data.entries()) expect(back[name].data[i]).toBeCloseTo(x, 3);
});

test("units that never change are named, and misfits refused", async () => {
  const spec = mlpSpec([3, 4, 2]);
  const random = randomStream(seed);
  const data = Float32Array.from({ length: 40 }, (_, i) => (i % 4 === 2 ? 5 : random.normal()));
  const one = { h1: [{ shape: [10, 4], data }] };
  const { unidentifiable, element } = await matchActivations(spec, one, one);
  expect(unidentifiable).toEqual([
    { axis: "h1", reason: "1 of its 4 units never change on these inputs" },
  ]);
  expect(element["h1"].permutations).toEqual([[0, 1, 2, 3]]);
  await expect(matchActivations(spec, one, { h1: [{ shape: [8, 5], data }] })).rejects.toThrow(
    /axis "h1", array 0 has shape \[8, 5\], expected \[10, 4\]/,
  );
  await expect(matchActivations(spec, { h9: [] }, {})).rejects.toThrow(/has no axis "h9"/);
  const bad = { h1: [{ shape: [10, 4], data: data.with(4, NaN) }] };
  await expect(matchActivations(spec, bad, one)).rejects.toThrow(/activations of axis "h1".*NaN/);
});
