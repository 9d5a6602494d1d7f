// A command that cannot do without symmetries says how to tell them; one that can takes every order for fixed, and says so.

import { isFloatDtype } from "../../formats/safetensors/safetensors-dtypes.ts";
import { UnsupportedError } from "../../core/errors.ts";
import { frozenRecord } from "../../core/records.ts";
import { isCounter } from "../../compare/compare-structure.ts";
import type { TensorSource } from "../../formats/tensor-source.ts";
import { isBuffer } from "../../infer/names/read-names.ts";
import { sealSpec } from "../../symmetry/spec.ts";
import type { FoundSpec } from "../../checkpoints/found-spec.ts";

/** @throws {UnsupportedError} with the reason why there is no spec, and the options that give one */
export function needSpec(
  command: string,
  found: FoundSpec | { readonly reason: string },
): FoundSpec {
  if ("spec" in found) return found;
  throw new UnsupportedError(
    `${command}: the symmetries of the model are not known; give --model graph.onnx or --spec spec.json (${found.reason})`,
  );
}

/** The spec, or one in which nothing moves: of every float tensor of the file, with a warning that says why. */
export function specOrFixed(
  found: FoundSpec | { readonly reason: string },
  { entries }: Pick<TensorSource, "entries">,
): FoundSpec {
  if ("spec" in found) return found;
  const floats = [...entries].filter(
    ([name, { dtype }]) => isFloatDtype(dtype) && !isCounter(name) && !isBuffer(name),
  );
  if (floats.length === 0) throw new UnsupportedError(`no float tensor to read (${found.reason})`);
  const tensors = floats.map(([name, { shape }]) => {
    const axes = shape.map((size) => ({ kind: "block" as const, size }));
    return [name, { shape, axes }] as const;
  });
  return {
    spec: sealSpec({ axes: {}, tensors: frozenRecord(tensors) }),
    origin: "not known: nothing moves",
    warnings: [
      `the symmetries of the model are not known, so a copy in another order or scale counts as another network; give --model graph.onnx, --spec spec.json or --family (${found.reason})`,
    ],
  };
}
