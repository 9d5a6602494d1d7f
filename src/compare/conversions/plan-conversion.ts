// Finds how the tensors of one file are made of those of another: by name, then by equal numbers, by equal rows, and last by
// rules for names and shapes. What the numbers do not show is marked so; what could be meant in two ways is not claimed.

import { equalShapes } from "../../core/shapes.ts";
import type { Tensor } from "../../core/tensors.ts";
import { narrow } from "../../formats/narrow.ts";
import { isFloatDtype, type SafeDtype } from "../../formats/safetensors/safetensors-dtypes.ts";
import type { TensorSource } from "../../formats/tensor-source.ts";
import { widen } from "../../formats/widen.ts";
import { coarsestFloat } from "../common-format.ts";
import { isCounter } from "../compare-structure.ts";
import { matchNumbers, matchUniform } from "./by-numbers.ts";
import { followWeights, matchRows } from "./by-rows.ts";
import { fuseByNames, matchTied, matchVocabulary, turnByShapes, turnSquares } from "./by-rules.ts";
import { composed, type ComposedSource, isWithin } from "./composed.ts";
import type { Conversion, ConversionPlan } from "./conversion.ts";
import { layerOrders } from "./layer-order.ts";
import { makeTensor, takes } from "./make-tensor.ts";
import { type NamePairs, pairNames } from "./pair-names.ts";
import { turnAlike } from "./turn-alike.ts";
import { takeRounding } from "./value-rounding.ts";
import { type SearchState, settle, shapeIn } from "./search-state.ts";
import { inOrder } from "./conversion.ts";

/** A plan with the files that it is made of. */
export interface PlannedConversion extends ConversionPlan {
  /** The files with the parts of weights put together that the other has together. */
  readonly a: ComposedSource;
  readonly b: ComposedSource;
  /**
   * Tensors of the second file whose numbers are those of the first as far as the form of one file, in parts, can tell; a
   * conversion "by numbers" says so.
   */
  readonly withinForm: ReadonlySet<string>;
  /** Tensors of the second file that only say how a quantised network rounds values, which the first one does not. */
  readonly rounding: ReadonlySet<string>;
}

/** What is known of two files before {@link planConversion} looks at them. */
export interface PlanOptions {
  /** Whether the output matrix is the embedding; false where the model's config denies it. @default not known */
  readonly tied?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The conversion that takes the first file's numbers to the second file's names, shapes and layout.
 * @throws {FormatError} {EnvironmentError} when a file cannot be read; the signal's reason after an abort
 */
export async function planConversion(
  first: TensorSource,
  second: TensorSource,
  { tied, signal }: PlanOptions = {},
): Promise<PlannedConversion> {
  const [a, b] = [composed(first, second), composed(second, first)];
  const state = searchOf(a, b, signal);
  const named = pairNames([...state.poolA], [...state.poolB], (from, to) =>
    equalShapes(shapeIn(a, from), shapeIn(b, to)),
  );
  takeNamed(state, named);
  const { pairs } = named;
  await matchNumbers(state, { uniform: false });
  await matchRows(state);
  await followWeights(state);
  const commonRows = await matchVocabulary(state, pairs);
  turnByShapes(state, pairs);
  fuseByNames(state);
  await followWeights(state);
  await turnSquares(state, pairs);
  await turnAlike(state);
  await matchTied(state, tied);
  await matchUniform(state);
  const withinForm = await takeComposites(state, a, b);
  await takeRounding(state.conversions, "from", a, state.poolA);
  const rounding = await takeRounding(state.conversions, "to", b, state.poolB);
  return Object.freeze({
    a,
    b,
    withinForm,
    rounding,
    recipes: state.recipes,
    conversions: Object.freeze(gathered(state.conversions, state.recipes)),
    lacking: [...state.poolB],
    unused: [...state.poolA],
    commonRows,
    refused: state.refused,
    unsure: state.unsure,
    layerOrders: Object.freeze(layerOrders(state)),
  });
}

function searchOf(a: TensorSource, b: TensorSource, signal?: AbortSignal): SearchState {
  const coarse = coarsestFloat([a, b]);
  const names = (source: TensorSource) =>
    new Set([...source.entries.keys()].filter((name) => !isCounter(name)));
  return {
    a,
    b,
    readA: roundedReader(a, coarse),
    readB: roundedReader(b, coarse),
    recipes: new Map(),
    conversions: [],
    poolA: names(a),
    poolB: names(b),
    refused: [],
    unsure: [],
    alike: new Map(),
    severalPlaces: new Set(),
    ...(signal && { signal }),
  };
}

/** Reads numbers rounded to a format, where the file's own is finer; the last tensor is kept. */
function roundedReader(
  source: TensorSource,
  coarse: SafeDtype | undefined,
): (name: string) => Promise<Tensor> {
  let last: { readonly name: string; readonly tensor: Promise<Tensor> } | undefined;
  return (name) => {
    if (last?.name === name) return last.tensor;
    const isFloat = isFloatDtype(source.entries.get(name)?.dtype ?? "");
    const tensor = source
      .read(name)
      .then((read) =>
        coarse === undefined || !isFloat ? read : widen(narrow(read, coarse, name), name),
      );
    last = { name, tensor };
    return tensor;
  };
}

/** Takes the pairs of names whose shapes are equal too. */
function takeNamed(state: SearchState, { pairs, prefixes }: NamePairs): void {
  const behind = new Set(prefixes.flatMap(({ names }) => names));
  const taken = new Set<string>();
  for (const [to, from] of pairs) {
    const shape = shapeIn(state.b, to);
    if (!equalShapes(shapeIn(state.a, from), shape)) continue;
    taken.add(to);
    const isRenamed = from !== to && !behind.has(to);
    const conversion: Conversion = { kind: "rename", from: [from], to: [to], by: "names" };
    settle(
      state,
      to,
      takes(from, inOrder(shape.length), shape),
      isRenamed ? conversion : undefined,
    );
  }
  for (const { from, to, names } of prefixes) {
    const count = names.filter((name) => taken.has(name)).length;
    if (count === 0) continue;
    const detail = `before ${count === 1 ? "1 name" : `${count} names`}`;
    state.conversions.push({ kind: "prefix", from: [from], to: [to], by: "names", detail });
  }
}

/**
 * Weights put together from parts: says how they are converted. Returns the names of those whose numbers are those of the
 * other file, as far as their form can tell.
 */
async function takeComposites(
  state: SearchState,
  a: ComposedSource,
  b: ComposedSource,
): Promise<Set<string>> {
  const within = new Set<string>();
  for (const [to, recipe] of state.recipes) {
    const from = [...new Set(recipe.pieces.map(({ tensor }) => tensor))];
    const [left, right] = [a.composites.get(from[0]), b.composites.get(to)];
    const isMade = from.some((name) => a.composites.has(name));
    const isEqual =
      right === undefined
        ? left !== undefined && (await isWithin(left, await b.read(to)))
        : !isMade && (await isWithin(right, await makeTensor(recipe, a.read)));
    if (isEqual) within.add(to);
    const composite = left ?? right;
    if (composite === undefined || (recipe.pieces.length > 1 && !isEqual)) continue;
    state.conversions.push({
      kind: composite.kind,
      from: left?.parts ?? from,
      to: right?.parts ?? [to],
      by: isEqual ? "numbers" : "names",
      ...(isEqual && {
        detail: composite.kind === "quantise" ? "within its step" : "up to rounding",
      }),
    });
  }
  return within;
}

/** Parts of one tensor as one conversion, in the order of their rows. */
function gathered(
  conversions: readonly Conversion[],
  recipes: SearchState["recipes"],
): Conversion[] {
  const result: Conversion[] = [];
  const firstRow = (name: string) => recipes.get(name)?.pieces[0].rows?.[0] ?? 0;
  for (const one of conversions) {
    const same = result.findIndex(
      (other) =>
        other.kind === one.kind &&
        other.by === one.by &&
        (one.kind === "split" || one.kind === "regroup") &&
        other.from.join("\n") === one.from.join("\n"),
    );
    if (same === -1) result.push(one);
    else
      result[same] = {
        ...result[same],
        to: [...result[same].to, ...one.to].toSorted((x, y) => firstRow(x) - firstRow(y)),
      };
  }
  return result;
}
