// Networks for tests of alignment: generic weights for any spec, noise, and the fixture models with their inferred specs.

import { readdirSync, readFileSync } from "node:fs";
import { windingStep } from "../../src/symmetry/phases.ts";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { decodeTensor } from "../../src/formats/onnx/onnx-tensor.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import type { GroupElement } from "../../src/symmetry/element.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";

const folder = new URL("../fixtures/models/", import.meta.url);

/** File names of the fixture models. */
export const modelFiles = readdirSync(folder).filter((file) => file.endsWith(".onnx"));

export const modelPath = (file: string): string => new URL(file, folder).pathname;

/** The inferred spec of a fixture model. */
export const modelSpec = (file: string): SymmetrySpec =>
  inferSpec(readOnnx(readFileSync(new URL(file, folder)))).spec;

/** The weights of a fixture model, under the names of its spec. */
export function modelWeights(file: string): Weights {
  const { spec, graph } = inferSpec(readOnnx(readFileSync(new URL(file, folder))));
  return Object.fromEntries(
    Object.entries(spec.tensors).flatMap(([name, { shape }]) => {
      const tensor = graph.initializers.get(name);
      return tensor === undefined ? [] : [[name, { shape, data: decodeTensor(tensor) }] as const];
    }),
  );
}

/** Standard normal weights for every tensor of a spec; biases in front of sines times pi/omega, so that they are phases. */
export function genericWeights(spec: SymmetrySpec, seed: number): Weights {
  const random = randomStream(seed);
  return Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape, shift }]) => {
      const std = shift === undefined ? 1 : windingStep(spec.axes[shift]);
      return [
        name,
        { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => std * random.normal()) },
      ];
    }),
  );
}

/** Adds normal noise of standard deviation `share`, a share of that of generic weights; of a tenth of that in small tensors. */
export function withNoise(weights: Weights, share: number, seed: number): Weights {
  const random = randomStream(seed);
  // Biases that were wound are larger than they began.
  const size = (data: Weights[string]["data"]) => (data.every((x) => Math.abs(x) < 1) ? 0.1 : 1);
  return Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((x) => x + share * size(data) * random.normal()) },
    ]),
  );
}

/** Weights with one entry of one tensor changed. */
export function withEntry(weights: Weights, name: string, at: number, value: number): Weights {
  const { shape, data } = weights[name];
  return { ...weights, [name]: { shape, data: data.with(at, value) } };
}

export const weightReader = (weights: Weights) => async (name: string) => weights[name];

/** Largest difference of any entry. */
export function farthest(a: Weights, b: Weights): number {
  let most = 0;
  for (const [name, { data }] of Object.entries(a))
    for (const [i, x] of data.entries()) most = Math.max(most, Math.abs(x - b[name].data[i]));
  return most;
}

/** The permutations of an element, by permutation axis. */
export function permutationsOf(spec: SymmetrySpec, element: GroupElement) {
  return Object.fromEntries(
    Object.entries(element)
      .filter(([axis]) => spec.axes[axis].group === "permutation")
      .map(([axis, { permutations }]) => [axis, permutations]),
  );
}

/** Tensors under other names, matrices among them transposed. */
export function renamed(network: Weights, pattern: RegExp, prefix: string): Weights {
  return Object.fromEntries(
    Object.entries(network).map(([name, { shape, data }]) => {
      if (!pattern.test(name)) return [name, { shape, data }];
      const [rows, columns] = shape;
      const turned = data.map((_, i) => data[(i % rows) * columns + Math.floor(i / rows)]);
      return [name.replace(pattern, prefix), { shape: [columns, rows], data: turned }];
    }),
  );
}
