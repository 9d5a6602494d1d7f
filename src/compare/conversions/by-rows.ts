// Tensors whose rows stand in others of the other file: several as one, a part of one, blocks in another known order. What a
// weight does its bias does too, so that biases, which hold too little to be recognised, follow.

import { sizeOf } from "../../core/shapes.ts";
import type { Tensor } from "../../core/tensors.ts";
import { equalNumbers, isUniform, rowKeys } from "./content-keys.ts";
import { type Conversion, type ConversionKind, inOrder, type TensorRecipe } from "./conversion.ts";
import { contradictsNames } from "./fused-names.ts";
import { makeTensor, permuted } from "./make-tensor.ts";
import { rowLayout, type RowOrigin } from "./row-layouts.ts";
import { type SearchState, settle, shapeIn } from "./search-state.ts";

/** A tensor of the first file in one orientation. */
interface Source {
  readonly tensor: string;
  readonly dims: readonly number[];
  readonly rows: number;
}

interface Index {
  readonly sources: readonly Source[];
  /** By the key of a row, where it stands; keys hold the length of the row. */
  readonly places: ReadonlyMap<string, readonly RowOrigin[]>;
}

/** Orders of dimensions in which rows are looked at: as stored, and a matrix turned round. */
const turns = (rank: number): number[][] =>
  rank === 2
    ? [
        [0, 1],
        [1, 0],
      ]
    : [inOrder(rank)];

const keyed = (tensor: Tensor): string[] => {
  const width = sizeOf(tensor.shape.slice(1));
  return rowKeys(tensor).map((key) => `${width}:${key}`);
};

/** Rows of a target of which all are looked for before tensors are indexed; of longer ones every sixteenth is. */
const fewRows = 1024;
const stride = 16;

/** Keys of rows of the targets: a tensor that holds none of them is no part of any. */
async function wantedKeys(state: SearchState, targets: readonly string[]): Promise<Set<string>> {
  const wanted = new Set<string>();
  for (const name of targets) {
    state.signal?.throwIfAborted();
    const target = await state.readB(name);
    for (const dims of turns(target.shape.length)) {
      const keys = keyed(permuted(target, dims));
      for (const [row, key] of keys.entries())
        if (keys.length <= fewRows || row % stride === 0) wanted.add(key);
    }
  }
  return wanted;
}

/** Where the rows of those tensors stand that hold wanted ones: of unrelated files nothing is kept. */
async function indexOf(
  state: SearchState,
  names: Iterable<string>,
  wanted: ReadonlySet<string>,
): Promise<Index> {
  const sources: Source[] = [];
  const places = new Map<string, RowOrigin[]>();
  for (const tensor of names) {
    state.signal?.throwIfAborted();
    const shape = shapeIn(state.a, tensor);
    if (shape.length < 2) continue;
    const read = await state.readA(tensor);
    for (const dims of turns(shape.length)) {
      const source = sources.length;
      const turned = permuted(read, dims);
      const keys = keyed(turned);
      if (!keys.some((key) => wanted.has(key))) continue;
      sources.push({ tensor, dims, rows: turned.shape[0] });
      for (const [row, key] of keys.entries()) {
        const known = places.get(key);
        if (known === undefined) places.set(key, [{ source, row }]);
        else known.push({ source, row });
      }
    }
  }
  return { sources, places };
}

/** Where every row comes from: the row behind the one before where that fits, else the first place that is free. */
function originsOf(keys: readonly string[], { places }: Index): RowOrigin[] | undefined {
  const origins: RowOrigin[] = [];
  const taken = new Set<string>();
  const isFree = ({ source, row }: RowOrigin) => !taken.has(`${source}:${row}`);
  for (const key of keys) {
    const found = places.get(key);
    const last = origins.at(-1);
    const next = found?.find(
      (one) => last !== undefined && one.source === last.source && one.row === last.row + 1,
    );
    const origin =
      next ??
      found?.find((one) => one.source === last?.source && isFree(one)) ??
      found?.find((one) => isFree(one));
    if (origin === undefined) return undefined;
    origins.push(origin);
    taken.add(`${origin.source}:${origin.row}`);
  }
  return origins;
}

/** Whether one of the sources has no row that stands in one place alone. */
function hasSeveralPlaces(
  { sources, places }: Index,
  keys: readonly string[],
  origins: readonly RowOrigin[],
): boolean {
  const nameOf = ({ source }: RowOrigin) => sources[source].tensor;
  const placesOf = (key: string) =>
    new Set((places.get(key) ?? []).map((place) => `${place.row} of ${nameOf(place)}`));
  const sure = new Set(origins.filter((_, row) => placesOf(keys[row]).size === 1).map(nameOf));
  return origins.some((origin) => !sure.has(nameOf(origin)));
}

/** Finds the tensors of the second file whose rows stand in tensors of the first. */
export async function matchRows(state: SearchState): Promise<void> {
  const { b, poolA, poolB, readB, signal } = state;
  const wanted = [...poolB].filter((name) => shapeIn(b, name).length >= 2);
  if (wanted.length === 0 || poolA.size === 0) return;
  const index = await indexOf(state, [...poolA], await wantedKeys(state, wanted));
  if (index.sources.length === 0) return;
  const used = new Set<string>();
  for (const to of wanted) {
    signal?.throwIfAborted();
    const target = await readB(to);
    if (isUniform(target)) continue;
    const found = await recipeByRows(state, index, to, target);
    if (found === undefined) continue;
    for (const { tensor } of found.recipe.pieces) used.add(tensor);
    state.recipes.set(to, found.recipe);
    state.poolB.delete(to);
    state.conversions.push(found.conversion);
  }
  for (const name of used) poolA.delete(name);
}

async function recipeByRows(
  state: SearchState,
  index: Index,
  to: string,
  target: Tensor,
): Promise<{ readonly recipe: TensorRecipe; readonly conversion: Conversion } | undefined> {
  for (const dims of turns(target.shape.length)) {
    const keys = keyed(permuted(target, dims));
    const origins = originsOf(keys, index);
    if (origins === undefined) continue;
    const layout = rowLayout(origins);
    const names = [...new Set(origins.map(({ source }) => index.sources[source].tensor))];
    if (layout === undefined) {
      state.refused.push(
        `the rows of "${to}" are those of ${names.map((name) => `"${name}"`).join(", ")}, in an order that no converter known here makes`,
      );
      return undefined;
    }
    const pieces = layout.pieces.map(({ source, rows }) => {
      const { tensor, dims: turn, rows: all } = index.sources[source];
      const isWhole = rows.length === all && rows.every((row, i) => row === i);
      return { tensor, dims: turn, ...(!isWhole && { rows }) };
    });
    if (pieces.some(({ dims: turn }) => turn[0] !== pieces[0].dims[0]) && areSquare(state, names)) {
      state.refused.push(
        `the rows of "${to}" are those of ${names.map((name) => `"${name}"`).join(", ")}, some of which would be transposed and others not`,
      );
      return undefined;
    }
    if ((layout.name ?? "") === "" && contradictsNames(state, to, pieces)) {
      state.refused.push(
        `the rows of "${to}" are those of ${names.map((name) => `"${name}"`).join(", ")}, in another order than these names say`,
      );
      return undefined;
    }
    const recipe: TensorRecipe = {
      pieces,
      ...(layout.order && { order: layout.order }),
      dims,
      shape: target.shape,
    };
    const made = await makeTensor(recipe, state.readA);
    if (!equalNumbers(made.data, target.data)) continue;
    if (hasSeveralPlaces(index, keys, origins)) state.severalPlaces.add(to);
    const kind = kindOfRows(recipe, layout.name);
    const detail = layout.name === undefined || layout.name === "" ? {} : { detail: layout.name };
    return { recipe, conversion: { kind, from: names, to: [to], by: "numbers", ...detail } };
  }
  return undefined;
}

/** Whether nothing but numbers says which way these matrices are turned. */
const areSquare = ({ a }: SearchState, names: readonly string[]): boolean =>
  names.every((name) => new Set(a.entries.get(name)?.shape).size === 1);

function kindOfRows({ pieces }: TensorRecipe, name: string | undefined): ConversionKind {
  if (name !== undefined && name !== "") return "regroup";
  return pieces.length > 1 ? "concatenate" : "split";
}

const endings = [/weight$/, /kernel$/, /_w$/];
const biases: Readonly<Record<string, string>> = { weight: "bias", kernel: "bias", _w: "_b" };

const biasOf = (weight: string): string | undefined => {
  const ending = endings.find((pattern) => pattern.test(weight));
  return ending && weight.replace(ending, (found) => biases[found]);
};

/** Biases made as the weights of their layers are. Numbers that do not agree leave them alone. */
export async function followWeights(state: SearchState): Promise<void> {
  const { a, b, poolB, readA, readB, recipes } = state;
  for (const [weight, recipe] of Array.from(recipes)) {
    const to = biasOf(weight);
    if (to === undefined || !poolB.has(to) || shapeIn(b, to).length !== 1) continue;
    const pieces = recipe.pieces.flatMap(({ tensor, rows }) => {
      const name = biasOf(tensor);
      const isThere = name !== undefined && a.entries.get(name)?.shape.length === 1;
      return isThere ? [{ tensor: name, dims: [0], ...(rows && { rows }) }] : [];
    });
    const [size] = shapeIn(b, to);
    const rows = pieces.reduce(
      (sum, piece) => sum + (piece.rows?.length ?? shapeIn(a, piece.tensor)[0]),
      0,
    );
    // Rows of a weight that is turned round are not its outputs.
    if (pieces.length < recipe.pieces.length || rows !== size) continue;
    const { order } = recipe;
    const joined: TensorRecipe = { pieces, dims: [0], shape: [size], ...(order && { order }) };
    const made = await makeTensor(joined, readA);
    if (!equalNumbers(made.data, (await readB(to)).data)) continue;
    const like = state.conversions.find((one) => one.to.includes(weight));
    const kind = like?.kind === "transpose" ? "rename" : (like?.kind ?? "rename");
    const isSame = pieces.length === 1 && pieces[0].tensor === to && pieces[0].rows === undefined;
    settle(
      state,
      to,
      joined,
      isSame
        ? undefined
        : { kind, from: pieces.map(({ tensor }) => tensor), to: [to], by: "numbers" },
    );
  }
}
