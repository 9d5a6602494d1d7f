// Networks from files of weights, checked against the spec that a functional reads.

import { type SpecProblem, SpecError } from "../../core/errors.ts";
import { equalShapes, formatShape, sizeOf } from "../../core/shapes.ts";
import type { TensorSource } from "../../formats/tensor-source.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import type { WeightDataset } from "../../train/dataset.ts";
import { openWeights } from "../../node/open-weights.ts";

/**
 * One network per file; the targets are zeros. `onOpen` sees every file as it is opened.
 * @throws {SpecError} listing every tensor that is missing, unknown, of another shape or not finite; {FormatError}.
 */
export async function weightsDataset(
  paths: readonly string[],
  spec: SymmetrySpec,
  onOpen?: (path: string, source: TensorSource) => void,
): Promise<WeightDataset> {
  const names = Object.keys(spec.tensors);
  const stacks = names.map(
    (name) => new Float32Array(paths.length * sizeOf(spec.tensors[name].shape)),
  );
  for (const [network, path] of paths.entries()) {
    const source = await openWeights(path);
    try {
      onOpen?.(path, source);
      const problems = await readNetwork(source, spec, (i, values) =>
        stacks[i].set(values, network * values.length),
      );
      if (problems.length > 0) throw new SpecError(path, problems);
    } finally {
      await source.close();
    }
  }
  const tensors = names.map(
    (name, i) => [name, { shape: spec.tensors[name].shape, data: stacks[i] }] as const,
  );
  return {
    spec,
    size: paths.length,
    tensors: Object.fromEntries(tensors),
    targets: new Float32Array(paths.length),
  };
}

/** Gives the numbers of every tensor of the spec, by its place there, and tells what is wrong with the file. */
async function readNetwork(
  source: TensorSource,
  spec: SymmetrySpec,
  keep: (index: number, values: Float32Array) => void,
): Promise<SpecProblem[]> {
  const problems: SpecProblem[] = [];
  const add = (tensor: string, message: string) =>
    problems.push({ severity: "error", tensor, message: `tensor "${tensor}" ${message}` });
  for (const name of source.entries.keys())
    if (!Object.hasOwn(spec.tensors, name)) add(name, "is not in the spec");
  for (const [i, [name, { shape }]] of Object.entries(spec.tensors).entries()) {
    const found = source.entries.get(name);
    if (found === undefined) add(name, `is missing, expected shape ${formatShape(shape)}`);
    else if (!equalShapes(found.shape, shape)) {
      add(name, `has shape ${formatShape(found.shape)}, expected ${formatShape(shape)}`);
    } else {
      const { data } = await source.read(name);
      const values = data instanceof Float32Array ? data : Float32Array.from(data);
      const bad = values.findIndex((value) => !Number.isFinite(value));
      if (bad !== -1) add(name, `holds ${values[bad]} at entry ${bad}, expected finite numbers`);
      keep(i, values);
    }
  }
  return problems;
}
