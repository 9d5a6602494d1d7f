// Tensors that hold the very numbers of one other: under another name, or with their dimensions in another order.

import { equalShapes, sizeOf } from "../../core/shapes.ts";
import type { Tensor } from "../../core/tensors.ts";
import { equalNumbers, isUniform, numbersKey } from "./content-keys.ts";
import type { ConversionKind, TensorRecipe } from "./conversion.ts";
import { inOrder } from "./conversion.ts";
import { permuted, takes } from "./make-tensor.ts";
import { type SearchState, settle, shapeIn, squeezed } from "./search-state.ts";

/** Dimensions whose orders are all tried. */
const maxDimensions = 5;

/** All orders of dimensions, the plain one first, then the one turned round. */
function ordersOf(rank: number): number[][] {
  const plain = inOrder(rank);
  if (rank > maxDimensions) return [plain, plain.toReversed()];
  const all: number[][] = [];
  const extend = (start: number[], rest: number[]) => {
    if (rest.length === 0) all.push(start);
    for (const dim of rest)
      extend(
        [...start, dim],
        rest.filter((other) => other !== dim),
      );
  };
  extend([], plain);
  return all;
}

/** How dimensions of one tensor become those of another with equal numbers; undefined where they do not. */
export function orientation(a: Tensor, b: Tensor): readonly number[] | undefined {
  const [from, to] = [squeezed(a.shape), squeezed(b.shape)];
  if (from.length !== to.length) return undefined;
  const dense = { shape: from, data: a.data };
  return ordersOf(from.length).find(
    (dims) =>
      dims.every((dim, i) => from[dim] === to[i]) &&
      equalNumbers(permuted(dense, dims).data, b.data),
  );
}

/** The recipe that takes a tensor in an order of its dimensions without those of size 1. */
export function inOrientation(
  tensor: string,
  from: readonly number[],
  dims: readonly number[],
  shape: readonly number[],
): TensorRecipe {
  const ones = from.flatMap((size, dim) => (size === 1 ? [dim] : []));
  const others = from.flatMap((size, dim) => (size === 1 ? [] : [dim]));
  const all = [...ones, ...dims.map((dim) => others[dim])];
  const isAsItIs = equalShapes(from, shape) && dims.every((to, at) => to === at);
  return takes(tensor, isAsItIs ? inOrder(from.length) : all, shape);
}

/** What an order of dimensions is called. */
export function kindOf(
  dims: readonly number[],
  from: readonly number[],
  shape: readonly number[],
): ConversionKind {
  const isPlain = dims.every((to, at) => to === at);
  if (isPlain) return equalShapes(from, shape) ? "rename" : "permute";
  return dims.length === 2 ? "transpose" : "permute";
}

/** Names in the order of the numbers in them. */
const collator = new Intl.Collator("en", { numeric: true });

/**
 * Finds every tensor of the second file that one of the first equals. Equal tensors are paired in the order of their names.
 * Arrays of one number everywhere say nothing of where they come from: they are paired only where nothing else is left.
 */
export async function matchNumbers(
  state: SearchState,
  { uniform }: { readonly uniform: boolean },
): Promise<void> {
  const { a, b, readA, readB, poolA, poolB, signal } = state;
  if (poolA.size === 0 || poolB.size === 0) return;
  const sizes = new Set([...poolB].map((name) => sizeOf(shapeIn(b, name))));
  const byKey = new Map<string, string[]>();
  for (const name of [...poolA].toSorted(collator.compare)) {
    if (!sizes.has(sizeOf(shapeIn(a, name)))) continue;
    signal?.throwIfAborted();
    const key = numbersKey(await readA(name));
    byKey.set(key, [...(byKey.get(key) ?? []), name]);
  }
  for (const to of [...poolB].toSorted(collator.compare)) {
    signal?.throwIfAborted();
    const target = await readB(to);
    if (isUniform(target) !== uniform) continue;
    const key = numbersKey(target);
    const alike = byKey.get(key) ?? [];
    // Where names are equal the tensor is meant, whatever else holds the same numbers.
    for (const from of alike.toSorted((x, y) => Number(y === to) - Number(x === to))) {
      if (!poolA.has(from)) continue;
      const shapeOfA = shapeIn(a, from);
      const dims = orientation(await readA(from), target);
      if (dims === undefined) continue;
      const kind = kindOf(dims, shapeOfA, target.shape);
      if (alike.length > 1) state.alike.set(to, key);
      settle(state, to, inOrientation(from, shapeOfA, dims, target.shape), {
        kind,
        from: [from],
        to: [to],
        by: "numbers",
        ...(uniform && { detail: "one number everywhere: told by order" }),
      });
      break;
    }
  }
}

/** Pairs arrays of one number everywhere, where no other tensor of the second file is left. */
export async function matchUniform(state: SearchState): Promise<void> {
  for (const name of state.poolB) if (!isUniform(await state.readB(name))) return;
  await matchNumbers(state, { uniform: true });
}
