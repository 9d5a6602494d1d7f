// Kinds of terms: what a term of an equivariant layer does, told without naming tensors, so that one table of coefficients serves
// every spec. A kind says which of the target's axes the source carries, whether the source is the target itself, a neighbour
// (a tensor that shares a permuted axis) or another tensor, how their ranks compare, and whether a diagonal is read or written.
// The published UNF has one coefficient a term and tensor instead.

import type { AtomicTensor, LoweredSpec } from "../../symmetry/lower.ts";
import { membersOf } from "../../plan/merge-tensors.ts";
import type { Pattern } from "../../plan/plan.ts";
import type { ExecutablePlan } from "../../plan/plan-spec.ts";
import { jointLabels } from "../../plan/terms.ts";

/** Tensors of this rank and more are treated alike. */
export const maxRank = 3;

/** Which axes of the target a term carries, by the target's rank: axes of matrices are told apart by their place. */
const carriedByRank = [
  ["none"],
  ["none", "all"],
  ["none", "first", "last", "all"],
  ["none", "some", "all"],
] as const;

/** Every kind there is, in the order of the table. */
export const termKinds: readonly string[] = Object.freeze(
  carriedByRank.flatMap((choices, rank) => {
    const diagonals = ["plain", "diagonal"];
    const ofTensor = choices.flatMap((carried) =>
      (rank < 2 ? ["plain"] : diagonals).flatMap((diagonal) =>
        ["same", "other"].map((place) => `${rank} own ${carried} ${diagonal} ${place}`),
      ),
    );
    const ranks = rank === 1 ? ["equal", "higher"] : ["lower", "equal", "higher"];
    const neighbours = choices.flatMap((carried) =>
      ranks.flatMap((other) =>
        diagonals.map((diagonal) => `${rank} neighbour ${carried} ${diagonal} ${other}`),
      ),
    );
    return [...ofTensor, ...(rank === 0 ? [] : neighbours), `${rank} stranger`];
  }),
);

const indexOfKind = new Map(termKinds.map((kind, index) => [kind, index]));

/** The rank by which kinds tell tensors apart. */
const rankOf = ({ dims }: AtomicTensor): number => Math.min(dims.length, maxRank);

function carriedOf({ blocks }: Pattern, rank: number): string {
  const carried = blocks.filter(({ slot }) => slot !== null).flatMap(({ dims }) => dims);
  const all = blocks.flatMap(({ dims }) => dims).length;
  if (carried.length === 0) return "none";
  if (carried.length === all) return "all";
  if (rank !== 2) return "some";
  return carried[0] === 0 ? "first" : "last";
}

/** Whether a term reads or writes a diagonal, or carries axes to other places of the same tensor. */
function isDiagonal(target: Pattern, feature: Pattern, isSame: boolean): boolean {
  const many = [...target.blocks, ...feature.blocks].some(({ dims }) => dims.length > 1);
  if (many || !isSame) return many;
  const labels = jointLabels(target, feature);
  const half = labels.length / 2;
  const carried = new Set(
    labels.slice(0, half).filter((label) => labels.indexOf(label, half) >= 0),
  );
  return labels.slice(0, half).some((label, i) => carried.has(label) && labels[half + i] !== label);
}

/** Where each place of a plan's coefficient matrices takes its numbers from. */
export interface KindPlaces {
  /** Per product, row-major [input places, output places]: index into {@link termKinds}. */
  readonly indices: readonly Int32Array<ArrayBuffer>[];
  /** Per product, the same places: 1 / (places of that kind that feed the output place). */
  readonly shares: readonly Float32Array<ArrayBuffer>[];
}

/** One row or column of a product: an entry of a tensor, as one pattern reads or writes it. */
interface TermPlace {
  readonly pattern: Pattern;
  readonly tensor: AtomicTensor;
  /** Fixed entry in its tensor. */
  readonly at: number;
}

function placesOf(lowered: LoweredSpec, patterns: readonly Pattern[]): TermPlace[] {
  return patterns.flatMap((pattern) =>
    membersOf(lowered, pattern.tensor).flatMap((tensor) =>
      Array.from({ length: tensor.fixedSize }, (_, at) => ({ pattern, tensor, at })),
    ),
  );
}

const axesOf = ({ dims }: AtomicTensor): Set<number> => new Set(dims.map(({ axis }) => axis));

function indexOf(kind: string): number {
  const index = indexOfKind.get(kind);
  if (index === undefined) throw new Error(`termKinds: a term of kind "${kind}" is in no table`);
  return index;
}

function kindOf(target: TermPlace, source: TermPlace): number {
  const rank = rankOf(target.tensor);
  const isSame = target.tensor.id === source.tensor.id;
  const axes = axesOf(target.tensor);
  const near = isSame || [...axesOf(source.tensor)].some((axis) => axes.has(axis));
  if (!near) return indexOf(`${rank} stranger`);
  const carried = carriedOf(target.pattern, rank);
  const diagonal =
    (!isSame || rank >= 2) && isDiagonal(target.pattern, source.pattern, isSame)
      ? "diagonal"
      : "plain";
  const compared = rankOf(source.tensor) - rank;
  const last = isSame
    ? target.at === source.at
      ? "same"
      : "other"
    : compared < 0
      ? "lower"
      : compared === 0
        ? "equal"
        : "higher";
  return indexOf(`${rank} ${isSame ? "own" : "neighbour"} ${carried} ${diagonal} ${last}`);
}

/**
 * The kind of every coefficient of a plan. Coefficients of one kind that feed one output share their weight, so that an update
 * keeps its size however many tensors a network has.
 */
export function kindPlaces({ lowered, plan }: ExecutablePlan): KindPlaces {
  const counts = new Map<string, number>();
  const keys: string[][] = [];
  const indices = plan.products.map(({ features, targets }) => {
    const [rows, columns] = [placesOf(lowered, features), placesOf(lowered, targets)];
    const ofTarget: string[] = [];
    const kinds = rows.flatMap((row) =>
      columns.map((column) => {
        const kind = kindOf(column, row);
        const key = `${kind}|${column.tensor.id}|${column.at}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
        ofTarget.push(key);
        return kind;
      }),
    );
    keys.push(ofTarget);
    return Int32Array.from(kinds);
  });
  const shares = keys.map((ofTarget) =>
    Float32Array.from(ofTarget, (key) => 1 / (counts.get(key) ?? 1)),
  );
  return { indices, shares };
}
