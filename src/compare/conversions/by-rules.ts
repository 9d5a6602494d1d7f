// Conversions that names and shapes tell where numbers are others (a fine-tuned copy in another layout), and those that only
// names can tell: rows of a vocabulary, a copy of the embedding.

import { equalShapes } from "../../core/shapes.ts";
import { equalNumbers } from "./content-keys.ts";
import { inOrder, type TensorPiece, type TensorRecipe } from "./conversion.ts";
import { fusedNames, replacedWords } from "./fused-names.ts";
import { permuted, takes } from "./make-tensor.ts";
import { type SearchState, settle, shapeIn } from "./search-state.ts";

type Pairs = ReadonlyMap<string, string>;

const range = (start: number, stop: number): number[] =>
  Array.from({ length: stop - start }, (_, i) => start + i);

/** Fused projections by name, where rows add up. */
export function fuseByNames(state: SearchState): void {
  const { a, b, poolB } = state;
  for (const to of Array.from(poolB)) {
    const shape = shapeIn(b, to);
    for (const [fusedName, parts] of fusedNames) {
      const names = parts.map((part) => replacedWords(to, fusedName, part));
      const pieces = names.flatMap((name): TensorPiece[] =>
        name !== undefined && fits(shapeIn(a, name), shape)
          ? [{ tensor: name, dims: inOrder(shape.length) }]
          : [],
      );
      const rows = pieces.reduce((sum, { tensor }) => sum + shapeIn(a, tensor)[0], 0);
      if (pieces.length !== parts.length || rows !== shape[0]) continue;
      const from = pieces.map(({ tensor }) => tensor);
      const recipe = { pieces, dims: inOrder(shape.length), shape };
      settle(state, to, recipe, { kind: "concatenate", from, to: [to], by: "names" });
      break;
    }
  }
  for (const to of Array.from(poolB)) {
    if (!poolB.has(to)) continue;
    for (const [fusedName, parts] of fusedNames) splitByNames(state, to, fusedName, parts);
  }
}

const fits = (given: readonly number[], shape: readonly number[]): boolean =>
  given.length === shape.length && given.length > 0 && equalShapes(given.slice(1), shape.slice(1));

/** One part of a fused tensor of the first file; the others may have been found by their rows. */
function splitByNames(
  state: SearchState,
  to: string,
  fusedName: string,
  parts: readonly string[],
): void {
  const { a, b, poolB } = state;
  const partOfName = parts.find((part) => replacedWords(to, part, fusedName) !== undefined);
  const from = partOfName && replacedWords(to, partOfName, fusedName);
  if (partOfName === undefined || from === undefined || !a.entries.has(from)) return;
  const all = parts.flatMap((part) => replacedWords(to, partOfName, part) ?? []);
  const shape = shapeIn(a, from);
  const isWhole = all.every((name) => fits(shapeIn(b, name), shape));
  const counts = all.map((name) => shapeIn(b, name)[0]);
  if (!isWhole || counts.reduce((sum, n) => sum + n, 0) !== shape[0]) return;
  let start = 0;
  for (const [i, name] of all.entries()) {
    const rows = range(start, start + counts[i]);
    start += counts[i];
    if (!poolB.has(name)) continue;
    const piece = { tensor: from, dims: inOrder(shape.length), rows };
    const recipe = { pieces: [piece], dims: inOrder(shape.length), shape: shapeIn(b, name) };
    settle(state, name, recipe, { kind: "split", from: [from], to: [name], by: "names" });
  }
}

/** What a name says of its layer, whichever number that has: the last two words. */
const leafOf = (name: string): string =>
  name
    .split(".")
    .filter((word) => !/^\d+$/.test(word))
    .slice(-2)
    .join(".");

/** Turns from channels last to channels first and back, of kernels over images and over time. */
const kernels: Readonly<Record<number, readonly (readonly number[])[]>> = {
  2: [[1, 0]],
  3: [
    [2, 1, 0],
    [1, 2, 0],
  ],
  4: [
    [3, 2, 0, 1],
    [2, 3, 1, 0],
  ],
};

/** Matrices and kernels of equal names whose dimensions are turned, told by their shapes. */
export function turnByShapes(state: SearchState, pairs: Pairs): void {
  for (const to of Array.from(state.poolB)) {
    const from = pairs.get(to);
    if (from === undefined || !state.poolA.has(from)) continue;
    const [shapeOfA, shape] = [shapeIn(state.a, from), shapeIn(state.b, to)];
    const found = (kernels[shape.length] ?? []).filter(
      (dims) =>
        shapeOfA.length === shape.length && dims.every((dim, i) => shapeOfA[dim] === shape[i]),
    );
    if (found.length !== 1) continue;
    const kind = shape.length === 2 ? "transpose" : "permute";
    settle(state, to, takes(from, found[0], shape), { kind, from: [from], to: [to], by: "names" });
  }
}

/**
 * Square matrices do not show by their shape that they are turned. Where others of their kind are, or the numbers say it, they
 * are too; where neither can be known it is said.
 */
export async function turnSquares(state: SearchState, pairs: Pairs): Promise<void> {
  const turned = state.conversions.filter(({ kind }) => kind === "transpose");
  if (turned.length === 0) return;
  const leaves = new Set(turned.flatMap(({ to }) => leafOf(to[0])));
  const words = new Set([...leaves].map((leaf) => leaf.split(".")[0]));
  for (const [to, from] of pairs) {
    const shape = shapeIn(state.b, to);
    if (shape.length !== 2 || shape[0] !== shape[1] || state.poolB.has(to)) continue;
    const [first, other] = [await state.readA(from), await state.readB(to)];
    if (equalNumbers(first.data, other.data)) continue;
    const isTurned = equalNumbers(permuted(first, [1, 0]).data, other.data);
    const isAlike = leaves.has(leafOf(to)) || words.has(leafOf(to).split(".")[0]);
    if (isTurned || isAlike) {
      const by = isTurned ? "numbers" : "names";
      const conversion = { kind: "transpose", from: [from], to: [to], by } as const;
      settle(state, to, takes(from, [1, 0], shape), conversion);
      continue;
    }
    state.unsure.push(to);
    state.refused.push(
      `"${to}" is square and holds other numbers in both files: nothing says whether it is transposed as others are`,
    );
  }
}

const vocabularyName =
  /(^|\.)(embed_tokens|word_embeddings|wte|tok_embeddings|shared|lm_head|output|embed_in|embed_out|token_embedding|decoder|proj_out)\.(weight|bias)$|(^|\.)predictions\.(decoder\.)?bias$/;

/** Rows of a vocabulary that one file has more: the rows that both have are compared. */
export async function matchVocabulary(
  state: SearchState,
  pairs: Pairs,
): Promise<Map<string, number>> {
  const { a, b, poolA, poolB } = state;
  const common = new Map<string, number>();
  const found = [...poolB].flatMap((to) => {
    const from = pairs.get(to);
    if (from === undefined || !poolA.has(from) || !vocabularyName.test(to)) return [];
    const [shapeOfA, shape] = [shapeIn(a, from), shapeIn(b, to)];
    return shapeOfA[0] !== shape[0] && fits(shapeOfA, shape) ? [{ from, to, shapeOfA, shape }] : [];
  });
  const counts = new Set(found.map(({ shapeOfA, shape }) => `${shapeOfA[0]}:${shape[0]}`));
  if (counts.size !== 1) return common;
  for (const { from, to, shapeOfA, shape } of found) {
    const rows = Math.min(shapeOfA[0], shape[0]);
    const width = shape.slice(1).reduce((product, n) => product * n, 1);
    const [first, second] = [await state.readA(from), await state.readB(to)];
    const isEqual = equalNumbers(
      first.data.subarray(0, rows * width),
      second.data.subarray(0, rows * width),
    );
    const piece = { tensor: from, dims: inOrder(shapeOfA.length), rows: range(0, rows) };
    const recipe: TensorRecipe = {
      pieces: [piece],
      dims: inOrder(shapeOfA.length),
      shape: [rows, ...shape.slice(1)],
    };
    const more = Math.abs(shapeOfA[0] - shape[0]);
    settle(state, to, recipe, {
      kind: "add-rows",
      from: [from],
      to: [to],
      by: isEqual ? "numbers" : "names",
      detail: `${more} rows more in the ${shapeOfA[0] > shape[0] ? "first" : "second"} file`,
    });
    common.set(to, rows);
  }
  return common;
}

const headName = /(^|\.)(lm_head|output|proj_out|embed_out|decoder|embed_tokens|shared)\.weight$/;

/** Output matrices that one file leaves out and the other stores as a copy of the embedding. */
export async function matchTied(state: SearchState, isTied: boolean | undefined): Promise<void> {
  if (isTied === false) return;
  const { b, a, poolA, poolB, recipes } = state;
  for (const to of [...poolB].filter((name) => headName.test(name))) {
    const tensorOfB = await state.readB(to);
    for (const [name, recipe] of Array.from(recipes)) {
      if (!equalShapes(shapeIn(b, name), tensorOfB.shape) || !vocabularyName.test(name)) continue;
      if (!equalNumbers((await state.readB(name)).data, tensorOfB.data)) continue;
      const from = recipe.pieces.map(({ tensor }) => tensor);
      settle(state, to, recipe, { kind: "tie", from, to: [to], by: "numbers" });
      break;
    }
  }
  for (const from of [...poolA].filter((name) => headName.test(name))) {
    const tensorOfA = await state.readA(from);
    for (const [to, { pieces }] of recipes) {
      const [{ tensor }] = pieces;
      if (pieces.length > 1 || !vocabularyName.test(tensor)) continue;
      if (!equalShapes(shapeIn(a, tensor), tensorOfA.shape)) continue;
      if (!equalNumbers((await state.readA(tensor)).data, tensorOfA.data)) continue;
      poolA.delete(from);
      state.conversions.push({ kind: "tie", from: [from, tensor], to: [to], by: "numbers" });
      break;
    }
  }
}
