// What a checkpoint of a functional says beside its arrays, read and checked: the model, its options, the scales of its inputs.

import { z } from "zod";
import { FormatError } from "../../core/errors.ts";
import type { PluginRecord } from "../../core/plugins.ts";
import type { InputKind } from "../../models/model.ts";
import type { ModelOptions } from "../../models/registry.ts";
import { inputsFrom, type Normalization } from "../../train/normalization.ts";
import type { Target } from "../../train/target.ts";

export interface FunctionalNotes {
  /** The name of its model. */
  readonly model: string;
  readonly options: ModelOptions;
  /** A scale for every tensor that it reads. */
  readonly normalization: Normalization;
  readonly inputs: InputKind;
  /** What it predicts; undefined in files of version 0.1, which predict accuracies. */
  readonly target: Target | undefined;
  readonly plugins: readonly PluginRecord[];
}

const count = z.int().min(1);

const target = z.strictObject({
  name: z.string(),
  unit: z.string(),
  summary: z.string(),
  loss: z.string(),
  mean: z.number(),
  std: z.number().positive(),
  classes: count.optional(),
  values: count.optional(),
  keepsValues: z.boolean().optional(),
});

const plugin = z.object({
  path: z.string(),
  version: z.string().nullable(),
  digest: z.string(),
});

/** Files of version 0.1 have no options where the model has none. */
const schema = z.object({
  model: z.string(),
  options: z.record(z.string(), z.unknown()).nullish(),
  normalization: z.record(z.string(), z.object({ scale: z.number().positive() })),
  inputs: z.string().optional(),
  target: target.optional(),
  plugins: z.array(plugin).optional(),
});

/**
 * The notes of a checkpoint at a path, whose functional reads these tensors.
 * @throws {FormatError} naming what is missing or of another kind than training writes
 */
export function functionalNotes(
  notes: Readonly<Record<string, unknown>>,
  tensors: readonly string[],
  path: string,
): FunctionalNotes {
  const fail = (problem: string): never => {
    throw new FormatError(
      `${path} is no checkpoint of a functional: ${problem}; train one with \`weightspace train\``,
    );
  };
  const missing = ["model", "normalization"].find((name) => notes[name] === undefined);
  if (missing === "model") return fail("the name of its model is missing");
  if (missing !== undefined) return fail("the scales of its inputs are missing (normalization)");
  const result = schema.safeParse(notes);
  if (!result.success) {
    const [issue] = result.error.issues;
    return fail(`${issue.path.map(String).join(".")}: ${issue.message}`);
  }
  const { model, options, normalization, inputs: words, plugins = [] } = result.data;
  const unscaled = tensors.find((name) => !Object.hasOwn(normalization, name));
  if (unscaled !== undefined)
    return fail(`the scale of its input "${unscaled}" is missing (normalization)`);
  const inputs = inputsFrom(words);
  if (inputs === undefined)
    return fail(
      `it reads weights in a way that this version does not know, ${JSON.stringify(words)}`,
    );
  return {
    model,
    options: options ?? {},
    normalization,
    inputs,
    target: result.data.target as Target | undefined,
    plugins,
  };
}
