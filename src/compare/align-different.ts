// How far two checkpoints that differ are apart after alignment: the nearest start, and passes for as long as they gain.

import type { Tensor } from "../core/tensors.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { actOnTensor } from "../symmetry/act.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { alignWeights } from "../align/align.ts";
import { commonReaders } from "./common-format.ts";
import type { CompareOptions, Comparison } from "./comparison.ts";
import { summarizeElement } from "../parts/summary.ts";
import { tensorDifference } from "../parts/tensor-difference.ts";

/** What a pass must raise the similarity by to be followed by another: networks that are not alike gain little for dozens. */
const worthMore = 1e-3;

/** Whether two files that differ can be aligned under a spec: they hold all its tensors, in finite numbers. */
const canAlign = (
  { verdict, structure, tensors }: Comparison,
  spec: SymmetrySpec | undefined,
): spec is SymmetrySpec =>
  verdict === "different" &&
  spec !== undefined &&
  tensors.length > 0 &&
  tensors.every(({ notFinite }) => notFinite[0] + notFinite[1] === 0) &&
  Object.keys(spec.tensors).every((name) => structure.common.includes(name));

/**
 * A comparison that says `different`, with how far the files are apart after alignment; any other as it is, and one of files
 * that the spec does not fit.
 * @throws {FormatError} {EnvironmentError} when a file cannot be read; the signal's reason after an abort
 */
export async function alignDifferent(
  comparison: Comparison,
  [a, b]: readonly [TensorSource, TensorSource],
  { spec, signal, onStep }: Pick<CompareOptions, "spec" | "signal" | "onStep">,
): Promise<Comparison> {
  if (!canAlign(comparison, spec)) return comparison;
  const readers = commonReaders(a, b);
  onStep?.("different; aligning");
  const { element, similarity, unidentifiable } = await alignWeights(spec, readers.a, readers.b, {
    nearestStart: true,
    minGain: worthMore,
    ...(signal && { signal }),
    onSweep: ({ sweep }) => onStep?.(`different; aligning, sweep ${sweep}`),
  });
  const remaining: { tensor: string; relative: number }[] = [];
  for (const name of Object.keys(spec.tensors)) {
    signal?.throwIfAborted();
    const left: Tensor = await readers.a(name);
    const right = actOnTensor(spec, element, name, await readers.b(name));
    const found = tensorDifference(name, left, right);
    if (found !== undefined) remaining.push({ tensor: name, relative: found.relative });
  }
  const axes = summarizeElement(spec, element);
  return { ...comparison, alignment: { similarity, element, axes, remaining, unidentifiable } };
}
