// Normalisation of weights: every tensor divided by one scale, fitted on the training networks, then compressed unless the
// model respects scales. One scale per tensor, never per entry, so that permutations of the weights still commute.

import { ShapeError } from "../core/errors.ts";
import { lookup } from "../core/records.ts";
import { sizeOf } from "../core/shapes.ts";
import type { InputKind } from "../models/model.ts";
import type { DatasetTensor, WeightDataset } from "./dataset.ts";

/** What the weights become, in words: trainings with other inputs are other trainings. */
export const inputKind = "asinh(weight / median over networks of a tensor's root mean square)";
const wordsOf: Readonly<Record<InputKind, string>> = {
  asinh: inputKind,
  linear: "weight / median over networks of a tensor's root mean square",
  raw: "weight",
};

/** The words for a kind of inputs, which checkpoints and experiments keep. */
export const describeInputs = (kind: InputKind): string => wordsOf[kind];

/** The kind that words stand for; older files say nothing and mean `asinh`. Undefined for other words. */
export const inputsFrom = (words: unknown): InputKind | undefined =>
  words === undefined
    ? "asinh"
    : (["asinh", "linear", "raw"] as const).find((kind) => wordsOf[kind] === words);

/** Tensor name -> the root mean square of its entries, the median over networks. */
export type Normalization = Readonly<Record<string, { readonly scale: number }>>;

/**
 * The median over networks of the root mean square of every tensor (in float64); a tensor that is 0 in more than half of the
 * networks gets scale 1. A median, since populations hold networks that nearly diverged: in one of 3,200 CNNs a bias is a
 * thousand times its usual size, and a mean of squares would be that network's.
 */
export function fitNormalization(dataset: WeightDataset): Normalization {
  const entries = Object.entries(dataset.tensors).map(([name, { shape, data }]) => {
    const size = sizeOf(shape);
    const roots = Array.from({ length: dataset.size }, (_, network) => {
      let squares = 0;
      for (let i = network * size; i < (network + 1) * size; i++) squares += data[i] ** 2;
      return Math.sqrt(squares / size);
    }).sort((a, b) => a - b);
    const scale = roots[Math.floor(roots.length / 2)];
    return [name, { scale: scale > 0 ? scale : 1 }];
  });
  return Object.fromEntries(entries) as Normalization;
}

/**
 * The dataset with `asinh(weight / scale)` in every tensor; targets unchanged. The inverse hyperbolic sine leaves usual
 * weights nearly as they are and grows like a logarithm beyond; it is odd, so signs commute too; positive scales and changes
 * of basis do not. `linear` inputs are `weight / scale`, with which all of them commute; biases that phases shift stay as they are
 * then, since models read sines of them. `raw` ones are the weights themselves.
 * @throws {ShapeError} when a tensor has no scale.
 */
export function normalize(
  dataset: WeightDataset,
  normalization: Normalization,
  kind: InputKind = "asinh",
): WeightDataset {
  if (kind === "raw") return dataset;
  const compress = kind === "linear" ? (x: number) => x : Math.asinh;
  const tensors = Object.entries(dataset.tensors).map(([name, { shape, data }]) => {
    const known = lookup(normalization, name);
    if (known === undefined) {
      throw new ShapeError(
        `normalize: tensor "${name}" has no scale, expected one of ` +
          `${Object.keys(normalization).join(", ")}; fit them on the same tensors`,
      );
    }
    if (kind === "linear" && lookup(dataset.spec.tensors, name)?.shift !== undefined)
      return [name, { shape, data }];
    return [name, { shape, data: data.map((value) => compress(value / known.scale)) }];
  });
  return { ...dataset, tensors: Object.fromEntries(tensors) as Record<string, DatasetTensor> };
}
