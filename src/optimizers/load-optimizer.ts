// Learned optimizers from files of theta, by bytes or by the name of one that comes with the package.

import { OptionError } from "../core/errors.ts";
import { formatShape } from "../core/shapes.ts";
import { readSafetensors } from "../formats/safetensors/safetensors.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { Optimizer } from "../train/optimizers/optimizers.ts";
import { learnedOptimizer } from "./learned-optimizer.ts";
import { shippedNames, shippedTheta } from "./shipped.ts";
import { readTheta, thetaFromSafetensors, type ThetaFile, thetaFormat } from "./theta-file.ts";
import { isFlaxState, readPublishedTheta } from "./published-theta.ts";

/** The networks for which an optimizer is loaded. */
export interface LoadOptimizerOptions {
  /** The network's tensors and symmetries: traced, inferred or a preset. */
  readonly spec: SymmetrySpec;
}

/** @throws {OptionError} naming the first tensor that theta was not meta-trained on */
function checkTensors({ kind, tensors }: ThetaFile, spec: SymmetrySpec): void {
  if (tensors === null) return;
  const refuse = (what: string): never => {
    throw new OptionError(
      `loadOptimizer: this theta of kind "${kind}" belongs to one list of tensors, and ${what}; meta-train it on this network, or take one that acts on any spec, such as celo2-unf`,
    );
  };
  const names = Object.keys(tensors);
  const ofSpec = Object.entries(spec.tensors);
  for (const [at, [name, { shape }]] of ofSpec.entries()) {
    if (names[at] !== name)
      refuse(
        `tensor ${at + 1} of the spec is "${name}", expected ${JSON.stringify(names[at]) ?? "none"}`,
      );
    if (shape.length !== tensors[name].length)
      refuse(
        `"${name}" has shape ${formatShape(shape)}, expected ${tensors[name].length} dimensions`,
      );
  }
  if (ofSpec.length < names.length) refuse(`the spec has no tensor "${names[ofSpec.length]}"`);
}

/** What a file of theta holds: the format of this package, or Celo2's. @throws {FormatError} {UnsupportedError} */
export async function openTheta(bytes: Uint8Array): Promise<ThetaFile> {
  const headerBegins = bytes[8] === 0x7b; // the brace of a safetensors header, behind its length
  if (!headerBegins) return isFlaxState(bytes) ? readPublishedTheta(bytes) : readTheta(bytes);
  const file = readSafetensors(bytes);
  return file.metadata["format"] === thetaFormat
    ? thetaFromSafetensors(bytes, file)
    : readPublishedTheta(file);
}

/**
 * A learned optimizer that is ready to use: by the name of one that comes with the package, or from the bytes of a file of theta.
 *
 * ```ts
 * const optimizer = await loadOptimizer("celo2-unf", { spec });
 * let state = optimizer.init(params);
 * [updates, state] = optimizer.update(gradients, state, params);
 * ```
 * @throws {OptionError} for an unknown name, and for a theta of another list of tensors; {FormatError} for a damaged file
 */
export async function loadOptimizer(
  source: string | Uint8Array,
  { spec }: LoadOptimizerOptions,
): Promise<Optimizer> {
  if (typeof source !== "string") return optimizerFrom(source, spec);
  const bytes = shippedTheta(source);
  if (bytes === undefined)
    throw new OptionError(
      `loadOptimizer: no theta called "${source}" comes with the package, expected ${shippedNames().join(", ")}; read a file and give its bytes`,
    );
  return optimizerFrom(bytes, spec);
}

async function optimizerFrom(
  bytes: Uint8Array,
  spec: LoadOptimizerOptions["spec"],
): Promise<Optimizer> {
  const file = await openTheta(bytes);
  checkTensors(file, spec);
  return learnedOptimizer({ kind: file.kind, spec, theta: file.theta });
}
