// The third door of symmetry inference: tensor names and shapes alone. A template of a known family must explain every
// tensor exactly, or the file is refused; what names cannot say is told by the caller or stays fixed.

import { OptionError, SpecError, UnsupportedError } from "../../core/errors.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { factsFromConfig, modelTypeOf } from "./config.ts";
import { families, templates } from "./registry.ts";
import { type ModelFacts, type NamedShape, readWith, type Template } from "./template.ts";

export interface InferNamesOptions extends ModelFacts {
  /** Reads the tensors as this family; needed for `mlp`, `cnn`, `rnn`, `gru` and `lstm`. @default found by names */
  readonly family?: string;
  /** The parsed config.json of a Hugging Face model; options beside it win. */
  readonly config?: unknown;
}

export interface NamesInference {
  readonly family: string;
  readonly spec: SymmetrySpec;
  /** What stayed fixed because it is not known. */
  readonly warnings: readonly string[];
}

const factKeys = ["heads", "keyValueHeads", "headSize"] as const;

/**
 * The symmetry spec that a template gives to named tensors. It holds for the network the family describes; a proof on
 * this very model needs its graph.
 *
 * ```ts
 * inferSpecFromNames(tensors, { heads: 12, tied: true }).spec;
 * ```
 * @throws {SpecError} listing every tensor that does not fit or is not explained; {UnsupportedError} when no family
 * knows the names; {OptionError} for an unknown family or a count below 1.
 */
export function inferSpecFromNames(
  tensors: readonly NamedShape[],
  options: InferNamesOptions = {},
): NamesInference {
  const { family, config, ...told } = options;
  for (const key of factKeys) {
    const count = told[key];
    if (count !== undefined && (!Number.isSafeInteger(count) || count < 1))
      throw new OptionError(
        `inferSpecFromNames: ${key} must be a whole number from 1, got ${count}`,
      );
  }
  const names = new Set(tensors.map(({ name }) => name));
  if (names.size < tensors.length)
    throw new SpecError("inferSpecFromNames", [
      { severity: "error", message: "two tensors have the same name" },
    ]);
  const template = family === undefined ? templateFor(names) : templateNamed(family);
  const said = modelTypeOf(config);
  if (said !== undefined && !template.modelTypes.includes(said))
    throw new UnsupportedError(
      `inferSpecFromNames: the config describes a model of type "${said}", family "${template.family}" covers ${template.modelTypes.join(", ") || "none that has a config"}; export the model to ONNX`,
    );
  const facts: ModelFacts = { ...(config !== undefined && factsFromConfig(config)), ...told };
  const { spec, warnings } = readWith(template, tensors, facts);
  return Object.freeze({ family: template.family, spec, warnings: Object.freeze([...warnings]) });
}

function templateNamed(family: string): Template {
  const found = templates().find((template) => template.family === family);
  if (found === undefined)
    throw new OptionError(
      `inferSpecFromNames: unknown family "${family}", expected one of ${families().join(", ")}`,
    );
  return found;
}

function templateFor(names: ReadonlySet<string>): Template {
  const found = templates().filter((template) => !template.optIn && template.matches(names));
  if (found.length === 1) return found[0];
  if (found.length > 1)
    throw new UnsupportedError(
      `inferSpecFromNames: the tensor names look like ${found.map((one) => one.family).join(" and ")}; choose one with --family`,
    );
  const automatic = templates()
    .filter(({ optIn }) => !optIn)
    .map((one) => one.family);
  throw new UnsupportedError(
    `inferSpecFromNames: no family knows these tensor names (${automatic.join(", ")} are looked for, the others only with --family); export the model to ONNX, where its graph says it all`,
  );
}
