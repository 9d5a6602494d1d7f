// Square matrices of one kind are all transposed or none. Equal numbers show each of them alone; one that is turned where its
// siblings are not computes something else, so it is brought to the order of its siblings and then differs.

import { equalNumbers } from "./content-keys.ts";
import { inOrder, isInOrder, type TensorRecipe } from "./conversion.ts";
import { inOrientation, kindOf } from "./by-numbers.ts";
import { makeTensor } from "./make-tensor.ts";
import { nameTemplate } from "./name-templates.ts";
import { type SearchState, shapeIn, squeezed } from "./search-state.ts";

interface Turned {
  readonly to: string;
  readonly from: string;
  /** Order of its dimensions without those of size 1. */
  readonly order: readonly number[];
}

interface Judged extends Turned {
  /** Orders of its kind that give the numbers of the second file. */
  readonly fits: readonly string[];
  /** Whether its shape leaves the order open. */
  readonly isSquare: boolean;
}

const keyOf = (order: readonly number[]) => order.join(",");
const orderOf = (key: string) => key.split(",").map(Number);

/** The order of dimensions of a recipe that takes one tensor whole. */
function turnedBy(state: SearchState, to: string, recipe: TensorRecipe): Turned | undefined {
  const [piece] = recipe.pieces;
  if (recipe.pieces.length > 1 || piece.rows || recipe.order || !isInOrder(recipe.dims))
    return undefined;
  const shape = shapeIn(state.a, piece.tensor);
  if (piece.dims.length !== shape.length) return undefined;
  const kept = inOrder(shape.length).filter((dim) => shape[dim] !== 1);
  const order = piece.dims.filter((dim) => shape[dim] !== 1).map((dim) => kept.indexOf(dim));
  return order.length < 2 ? undefined : { to, from: piece.tensor, order };
}

/** Brings square matrices, and kernels of equal sizes, to the order that others under names of their kind have. */
export async function turnAlike(state: SearchState): Promise<void> {
  const kinds = new Map<string, Turned[]>();
  for (const [to, recipe] of state.recipes) {
    const one = turnedBy(state, to, recipe);
    if (one === undefined) continue;
    const key = [one.from, to].map((name) => nameTemplate(name).template).join("\n");
    const kind = `${key}\n${one.order.length}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), one]);
  }
  for (const members of kinds.values()) {
    const orders = [...new Set(members.map(({ order }) => keyOf(order)))];
    if (orders.length < 2) continue;
    const judged: Judged[] = [];
    for (const one of members) judged.push(await judge(state, one, orders));
    const common = commonOrder(judged);
    for (const one of judged) if (one.isSquare) await turnTo(state, one, common);
  }
}

/** The recipe of a tensor in another order of dimensions; undefined where its shape does not allow that. */
function recipeIn(
  { a, b }: SearchState,
  { from, to }: Turned,
  order: readonly number[],
): TensorRecipe | undefined {
  const [given, wanted] = [squeezed(shapeIn(a, from)), squeezed(shapeIn(b, to))];
  if (!order.every((dim, i) => given[dim] === wanted[i])) return undefined;
  return inOrientation(from, shapeIn(a, from), order, shapeIn(b, to));
}

async function judge(state: SearchState, one: Turned, orders: readonly string[]): Promise<Judged> {
  const fits: string[] = [];
  const target = await state.readB(one.to);
  for (const key of orders) {
    const recipe = recipeIn(state, one, orderOf(key));
    if (recipe === undefined) continue;
    const made = await makeTensor(recipe, state.readA);
    if (equalNumbers(made.data, target.data)) fits.push(key);
  }
  const sizes = squeezed(shapeIn(state.a, one.from));
  return { ...one, fits, isSquare: new Set(sizes).size < sizes.length };
}

/** What shapes say where all say one thing, else what most numbers say; in doubt the plain order. */
function commonOrder(judged: readonly Judged[]): string {
  const byShape = judged.filter(({ isSquare }) => !isSquare).map(({ order }) => keyOf(order));
  if (new Set(byShape).size === 1) return byShape[0];
  const votes = new Map<string, number>();
  for (const { isSquare, fits } of judged)
    if (isSquare && fits.length === 1) votes.set(fits[0], (votes.get(fits[0]) ?? 0) + 1);
  const most = Math.max(0, ...votes.values());
  const best = [...votes].filter(([, count]) => count === most).map(([key]) => key);
  return best.find((key) => isInOrder(orderOf(key))) ?? best[0] ?? keyOf(judged[0].order);
}

async function turnTo(state: SearchState, one: Judged, common: string): Promise<void> {
  const { from, to, order, fits } = one;
  if (keyOf(order) === common || !fits.includes(keyOf(order))) return;
  const recipe = recipeIn(state, one, orderOf(common));
  if (recipe === undefined) return;
  const isEqual = fits.includes(common);
  const kind = kindOf(orderOf(common), shapeIn(state.a, from), recipe.shape);
  const { conversions } = state;
  const at = conversions.findIndex((other) => other.to.length === 1 && other.to[0] === to);
  const isPlainName = from === to && kind === "rename";
  const conversion = {
    kind,
    from: [from],
    to: [to],
    by: isEqual ? "numbers" : "names",
  } as const;
  conversions.splice(
    at === -1 ? conversions.length : at,
    at === -1 ? 0 : 1,
    ...(isPlainName ? [] : [conversion]),
  );
  state.recipes.set(to, recipe);
  if (isEqual) return;
  state.refused.push(
    `"${to}" holds the numbers of "${from}", but ${difference(order, orderOf(common))}; that computes something else`,
  );
}

/** What is odd about a tensor whose siblings have another order. */
function difference(order: readonly number[], common: readonly number[]): string {
  if (order.length > 2) return "its dimensions are in another order than those of its kind";
  return isInOrder(common)
    ? "it is transposed, and others of its kind are not"
    : "it is not transposed, and others of its kind are";
}
