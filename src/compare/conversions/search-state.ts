// What a search for conversions has found so far: recipes, and the tensors of both files that none has explained.

import type { Tensor } from "../../core/tensors.ts";
import type { TensorSource } from "../../formats/tensor-source.ts";
import type { Conversion, TensorRecipe } from "./conversion.ts";

export interface SearchState {
  readonly a: TensorSource;
  readonly b: TensorSource;
  /** Numbers as they are compared: rounded to the coarser format of the files. */
  readonly readA: (name: string) => Promise<Tensor>;
  readonly readB: (name: string) => Promise<Tensor>;
  readonly recipes: Map<string, TensorRecipe>;
  readonly conversions: Conversion[];
  /** Tensors of the second file without a recipe. */
  readonly poolB: Set<string>;
  /** Tensors of the first file that no recipe uses. */
  readonly poolA: Set<string>;
  readonly refused: string[];
  readonly unsure: string[];
  /** By tensor of the second file, a key of its numbers where several tensors of the first file hold them. */
  readonly alike: Map<string, string>;
  /** Tensors of the second file with a part whose rows all stand in several places of the first. */
  readonly severalPlaces: Set<string>;
  readonly signal?: AbortSignal;
}

export const shapeIn = ({ entries }: TensorSource, name: string): readonly number[] =>
  entries.get(name)?.shape ?? [];

/** Keeps a recipe, and how it differs from taking the tensor of this name. */
export function settle(
  state: SearchState,
  to: string,
  recipe: TensorRecipe,
  conversion?: Conversion,
): void {
  state.recipes.set(to, recipe);
  state.poolB.delete(to);
  for (const { tensor } of recipe.pieces) state.poolA.delete(tensor);
  if (conversion !== undefined) state.conversions.push(conversion);
}

/** Shapes without dimensions of size 1. */
export const squeezed = (shape: readonly number[]): number[] => shape.filter((size) => size !== 1);
