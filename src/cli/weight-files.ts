// Networks from safetensors files, checked against the spec that a functional reads.

import { type SpecProblem, SpecError } from "../core/errors.ts";
import { equalShapes, formatShape, sizeOf } from "../core/shapes.ts";
import { toFloat32 } from "../formats/safetensors-dtypes.ts";
import { readSafetensors } from "../formats/safetensors.ts";
import type { SymmetrySpec } from "../spec/types.ts";
import type { WeightDataset } from "../train/dataset.ts";
import { readBytes } from "./files.ts";

/**
 * One network per file; the targets are zeros.
 * @throws {SpecError} listing every tensor that is missing, unknown, of another shape or not finite; {FormatError}.
 */
export async function weightsDataset(
  paths: readonly string[],
  spec: SymmetrySpec,
): Promise<WeightDataset> {
  const names = Object.keys(spec.tensors);
  const stacks = names.map(
    (name) => new Float32Array(paths.length * sizeOf(spec.tensors[name].shape)),
  );
  for (const [network, path] of paths.entries()) {
    const { tensors } = readSafetensors(await readBytes(path));
    const problems: SpecProblem[] = [];
    const add = (tensor: string, message: string) =>
      problems.push({ severity: "error", tensor, message: `tensor "${tensor}" ${message}` });
    for (const name of tensors.keys())
      if (!Object.hasOwn(spec.tensors, name)) add(name, "is not in the spec");
    for (const [i, name] of names.entries()) {
      const { shape } = spec.tensors[name];
      const found = tensors.get(name);
      if (found === undefined) add(name, `is missing, expected shape ${formatShape(shape)}`);
      else if (!equalShapes(found.shape, shape)) {
        add(name, `has shape ${formatShape(found.shape)}, expected ${formatShape(shape)}`);
      } else {
        const values = toFloat32(found);
        const bad = values.findIndex((value) => !Number.isFinite(value));
        if (bad !== -1) add(name, `holds ${values[bad]} at entry ${bad}, expected finite numbers`);
        stacks[i].set(values, network * sizeOf(shape));
      }
    }
    if (problems.length > 0) throw new SpecError(path, problems);
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
