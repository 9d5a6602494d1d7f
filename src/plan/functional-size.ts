// How large a universal neural functional over a spec is (products, basis terms, parameters), worked out from the kinds of
// tensors without a plan over all tensors and without any array. Agrees with what `unf` builds; a test says so.

import { UnsupportedError } from "../core/errors.ts";
import type { AtomicTensor, LoweredSpec } from "../symmetry/lower.ts";
import { compilePlan } from "./compile.ts";
import { membersOf, mergeTensors } from "./merge-tensors.ts";
import { countFeatures } from "./patterns.ts";
import type { Pattern, Plan } from "./plan.ts";
import { type SharedPlace, sharedPlaces } from "./shared-places.ts";
import { jointLabels } from "./terms.ts";

/** Past these numbers sizes are not worked out; each is reached in a few seconds. */
export const sizeLimits = { features: 200_000, sharedPairs: 2_000_000 };

/** Sizes of the layers of a functional. */
export interface FunctionalChannels {
  /** From the input to the last equivariant layer, as `unf` takes them. */
  readonly channels: readonly number[];
  /** Sizes of the dense head. */
  readonly head: readonly number[];
}

export interface FunctionalSize {
  /** Matrix products of one layer. */
  readonly products: number;
  /** Basis terms of one layer. */
  readonly basisTerms: number;
  /** Parameters of `unf`, exact; a number beyond 2^53 is rounded. */
  readonly parameters: number;
  /** With coefficients shared between tensors of one role; null when there are too many pairs of tensors to count them. */
  readonly sharedParameters: number | null;
}

/**
 * The size of `unf(spec, { channels, head })` and of the same with `share: {}`; scales ignored, full bias, complete pooling.
 * @throws {UnsupportedError} when a single tensor has more features than any functional could use.
 */
export function functionalSize(
  lowered: LoweredSpec,
  { channels, head }: FunctionalChannels,
): FunctionalSize {
  const merged = mergeTensors(lowered);
  checkFeatures(merged);
  const plan = compilePlan(merged);
  const fixed = (patterns: readonly Pattern[]) =>
    patterns.reduce((sum, { tensor }) => sum + merged.tensors[tensor].fixedSize, 0);
  const count = (patterns: readonly Pattern[]) =>
    patterns.reduce((sum, { tensor }) => sum + membersOf(merged, tensor).length, 0);
  const sum = (of: (product: Plan["products"][number]) => number) =>
    plan.products.reduce((total, product) => total + of(product), 0);
  const scalar = plan.products.find(({ slots }) => slots.length === 0);
  const rest = unsharedParts(merged, channels, head, {
    bias: scalar === undefined ? 0 : fixed(scalar.targets),
    pooled: scalar === undefined ? 0 : fixed(scalar.features),
  });
  const pairs = channels.slice(1).reduce((total, output, i) => total + channels[i] * output, 0);
  const coefficients = sum(({ features, targets }) => fixed(features) * fixed(targets));
  const shared = sharedCount(merged, plan);
  return {
    products: plan.products.length,
    basisTerms: sum(({ features, targets }) => count(features) * count(targets)),
    parameters: coefficients * pairs + rest,
    sharedParameters: shared === null ? null : shared * pairs + rest,
  };
}

/** Refuses before anything is listed; the number of features grows faster than exponentially with the rank. */
function checkFeatures(merged: LoweredSpec): void {
  let features = 0;
  for (const tensor of merged.tensors) {
    const ofTensor = countFeatures(tensor);
    if (ofTensor > sizeLimits.features)
      throw new UnsupportedError(
        `describe: tensor ${JSON.stringify(tensor.name)} can be read in about ${ofTensor.toPrecision(2)} ways, more than ${sizeLimits.features}; a functional over it would be too large, fold some of its ${tensor.dims.length} dimensions by making their axes fixed`,
      );
    features += ofTensor;
  }
  if (features > sizeLimits.features)
    throw new UnsupportedError(
      `describe: the tensors can be read in about ${features.toPrecision(2)} ways, more than ${sizeLimits.features}; a functional over this model would be too large, take one over a part of it`,
    );
}

/** What is not in the coefficients: biases, position tables and the dense head. */
function unsharedParts(
  merged: LoweredSpec,
  channels: readonly number[],
  head: readonly number[],
  { bias, pooled }: { readonly bias: number; readonly pooled: number },
): number {
  const biases = channels.slice(1).reduce((total, output) => total + bias * output, 0);
  const positions = merged.tensors.reduce(
    (total, { id, dims }) =>
      total +
      membersOf(merged, id).length *
        dims.reduce((all, { axis }) => {
          const { group, size } = merged.axes[axis];
          return group === "fixed" ? all + size : all;
        }, 0),
    0,
  );
  const sizes = [pooled * channels[channels.length - 1], ...head];
  const dense = head.reduce((total, output, i) => total + (sizes[i] + 1) * output, 0);
  return biases + positions * channels[1] + dense;
}

/** Distinct blocks of coefficients under sharing, without a matrix of their places; null past the limit. */
function sharedCount(merged: LoweredSpec, plan: Plan): number | null {
  const labels = new Map<string, Set<string>>();
  let terms = 0;
  for (const { features, targets } of plan.products) {
    terms += features.length * targets.length;
    if (terms > sizeLimits.sharedPairs) return null;
    for (const feature of features) {
      for (const target of targets) {
        const key = `${feature.tensor}|${target.tensor}`;
        const found = labels.get(key) ?? new Set<string>();
        labels.set(key, found.add(jointLabels(target, feature).join(".")));
      }
    }
  }
  const members = (tensor: number): readonly AtomicTensor[] => membersOf(merged, tensor);
  let pairs = 0;
  const places = new Map<string, SharedPlace[]>();
  for (const [key, set] of labels) {
    const [from, to] = key.split("|").map(Number);
    pairs += members(from).length * members(to).length * set.size;
    if (pairs > sizeLimits.sharedPairs) return null;
    sharedPlaces(members(from), members(to), [...set], places);
  }
  return [...places.values()].reduce((total, list) => total + areaOf(list), 0);
}

/** Entries of a union of blocks that all begin at the first row and the first column. */
function areaOf(places: readonly SharedPlace[]): number {
  const [first, ...others] = places;
  if (others.every(({ rows, columns }) => rows === first.rows && columns === first.columns))
    return first.rows * first.columns;
  let area = 0;
  let covered = 0;
  for (const { rows, columns } of places.toSorted((a, b) => b.rows - a.rows)) {
    area += rows * Math.max(0, columns - covered);
    covered = Math.max(covered, columns);
  }
  return area;
}
