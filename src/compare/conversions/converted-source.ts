// A file under the names and in the shapes of another, by a plan: what `compare` compares and `convert` writes.

import { sizeOf } from "../../core/shapes.ts";
import {
  makeTensorSource,
  type TensorEntry,
  type TensorSource,
} from "../../formats/tensor-source.ts";
import { narrow } from "../../formats/narrow.ts";
import { dtypeBytes } from "../../formats/safetensors/safetensors-dtypes.ts";
import { rawOf } from "./composed.ts";
import { isPlain, type TensorRecipe } from "./conversion.ts";
import { makeTensor } from "./make-tensor.ts";
import type { PlannedConversion } from "./plan-conversion.ts";

type Entries = Map<string, Pick<TensorEntry, "dtype" | "shape" | "stored" | "unreadable">>;

const dtypeOf = (source: TensorSource, { pieces }: TensorRecipe) =>
  source.entries.get(pieces[0].tensor)?.dtype ?? "F32";

/** The first file as the second one would hold it; what is not used keeps its name. */
export function convertedSource(plan: PlannedConversion): TensorSource {
  const { a, b, recipes, unused, withinForm } = plan;
  const entries: Entries = new Map();
  for (const [name, recipe] of recipes) {
    const { stored, unreadable } = a.entries.get(recipe.pieces[0].tensor) ?? {};
    entries.set(name, {
      dtype: dtypeOf(a, recipe),
      shape: recipe.shape,
      ...(isPlain(recipe) &&
        stored !== undefined &&
        unreadable !== undefined && { stored, unreadable }),
    });
  }
  for (const name of unused) {
    const entry = a.entries.get(name);
    if (entry !== undefined && !entries.has(name)) entries.set(name, entry);
  }
  return makeTensorSource({
    file: { location: a.location },
    format: a.format,
    entries,
    metadata: a.metadata,
    ...rawOf(a, (name) => {
      const recipe = recipes.get(name);
      if (recipe === undefined) return name;
      return isPlain(recipe) && !withinForm.has(name) ? recipe.pieces[0].tensor : undefined;
    }),
    load: async (name) => {
      const recipe = recipes.get(name);
      if (recipe === undefined) return (await a.readStored(name)).data;
      const { dtype } = entries.get(name) as TensorEntry;
      // What the form cannot tell apart is one number.
      if (withinForm.has(name)) return narrow(await b.read(name), dtype, name).data;
      if (isPlain(recipe)) return (await a.readStored(recipe.pieces[0].tensor)).data;
      return narrow(await makeTensor(recipe, a.read), dtype, name).data;
    },
  });
}

/** The second file with the rows alone that both have, and without what only rounds the values of a quantised network. */
export function commonSource({ b, commonRows, rounding }: PlannedConversion): TensorSource {
  if (commonRows.size === 0 && rounding.size === 0) return b;
  const kept = [...b.entries].filter(([name]) => !rounding.has(name));
  const entries: Entries = new Map(
    kept.map(([name, entry]) => {
      const rows = commonRows.get(name);
      return [
        name,
        rows === undefined ? entry : { ...entry, shape: [rows, ...entry.shape.slice(1)] },
      ];
    }),
  );
  return makeTensorSource({
    file: { location: b.location },
    format: b.format,
    entries,
    metadata: b.metadata,
    ...rawOf(b, (name) => (commonRows.has(name) ? undefined : name)),
    load: async (name) => {
      const { data } = await b.readStored(name);
      if (!commonRows.has(name)) return data;
      const { dtype, shape } = entries.get(name) as TensorEntry;
      // The first rows are the first bytes.
      return data.slice(0, sizeOf(shape) * dtypeBytes[dtype]);
    },
  });
}
