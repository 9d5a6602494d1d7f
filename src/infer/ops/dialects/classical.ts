// Scalers and encoders of the domain ai.onnx.ml, as scikit-learn pipelines are exported: they stand before the network and
// treat every feature in its own way, so features are fixed; examples pass.

import { fixedAtom, type NodeContext } from "../../walk/context.ts";
import type { Handlers } from "../handler.ts";

/** One number for every feature (or for all of them alike). */
function byFeature(names: readonly string[]) {
  return (context: NodeContext): void => {
    const x = context.need(0);
    const lists = names.map((name) => context.numbers(name) ?? []);
    const last = x.dims.at(-1);
    if (last !== undefined && lists.some((list) => list.some((entry) => entry !== list[0])))
      context.fix(last, "its features have numbers of their own");
    context.output(0, x.dims);
  };
}

/** Rows are divided by their norm. */
function normalizer(context: NodeContext): void {
  const x = context.need(0);
  context.mix(x, [x.dims.length - 1]);
  context.output(0, x.dims);
}

/** Every entry is looked up in a table. */
function encoder(context: NodeContext): void {
  context.output(0, context.need(0).dims);
}

function oneHotEncoder(context: NodeContext): void {
  const x = context.need(0);
  const { attributes } = context.node;
  const texts = attributes.get("cats_strings");
  const count =
    context.numbers("cats_int64s")?.length ?? (texts?.kind === "texts" ? texts.value.length : 0);
  if (count < 1) context.decline("an encoder without categories");
  context.output(0, [...x.dims, fixedAtom(count, context.label)]);
}

/** By their names in the domain ai.onnx.ml. */
export const classical: Handlers = {
  Scaler: byFeature(["offset", "scale"]),
  Imputer: byFeature(["imputed_value_floats", "imputed_value_int64s"]),
  Binarizer: byFeature(["threshold"]),
  Normalizer: normalizer,
  LabelEncoder: encoder,
  OneHotEncoder: oneHotEncoder,
};
