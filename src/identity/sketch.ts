// A similarity-preserving sketch: a few hundred to a few thousand invariants of a network under the whole group of its
// spec, smooth in the weights. Descendants of a network (fine-tuned, pruned, noised, reordered) have sketches near its own,
// independently trained networks do not. How sure a decision is has to be measured on networks of the kind at hand.

import { OptionError } from "../core/errors.ts";
import { specDifference } from "../symmetry/same-spec.ts";
import { specFromJSON, specToJSON, type SpecJSON } from "../symmetry/json.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { withNormalizedScales } from "../align/align.ts";
import { anchoredRows, axisPlaces } from "../parts/features/anchored-features.ts";
import { isMoving, messageTo, rootMeanSquare } from "../parts/features/messages.ts";
import {
  partReader,
  problemOf,
  type MatchProblem,
  type PartReader,
  type WeightReader,
} from "../parts/problem.ts";
import { poolRows } from "./sketch-pools.ts";

/** The format that sketch files name themselves. */
export const sketchFormat = "weightspace/sketch@1";

/** Invariants of one axis, or of all tensors that carry no symmetry. */
export interface SketchBlock {
  /** The first tensor dimension (or part of one) that carries the axis; `fixed` for what no group moves. */
  readonly place: string;
  /** Entries of the tensors that carry it. */
  readonly entries: number;
  readonly values: readonly number[];
}

/** Plain data: what is written to a `.sketch.json`. */
export interface Sketch {
  readonly format: typeof sketchFormat;
  readonly spec: SpecJSON;
  /** The option it was made with; sketches of different sizes cannot be compared. */
  readonly size: number;
  readonly blocks: readonly SketchBlock[];
  /** Places of axes whose scales or bases the weights do not pin down: their blocks are not invariant. */
  readonly open: readonly string[];
}

/** How large a sketch is. */
export interface SketchOptions {
  /** Numbers in all, shared by the axes, each getting 32 at least; tensors that nothing moves get 256 more. @default 2048 */
  readonly size?: number;
  readonly signal?: AbortSignal;
}

const defaultSize = 2048;
const minInBlock = 32;
const maxInFixed = 256;
const fixedBlock = "fixed";

/**
 * The sketch of a network, the same for every member of its orbit up to rounding. Tensors are read one at a time, a few
 * times each; independent of file format and tensor order.
 * @throws {OptionError} for NaN, infinities and an impossible size; the signal's reason after an abort.
 */
export async function sketchWeights(
  spec: Pick<SymmetrySpec, "axes" | "tensors">,
  read: WeightReader,
  { size = defaultSize, signal }: SketchOptions = {},
): Promise<Sketch> {
  if (!Number.isSafeInteger(size) || size < 1)
    throw new OptionError(`sketchWeights: size must be a whole number from 1, got ${size}`);
  const sorted = inNameOrder(problemOf(spec));
  const {
    read: readPart,
    normalized,
    problem,
  } = await withNormalizedScales(sorted, partReader(sorted, read));
  const rows = await anchoredRows(problem, readPart, signal);
  const places = axisPlaces(problem);
  const place = (axis: string) => places.get(axis) ?? axis;
  const moving = Object.keys(rows).sort((a, b) => (place(a) < place(b) ? -1 : 1));
  const count = Math.max(minInBlock, Math.floor(size / Math.max(1, moving.length)));
  const blocks = moving.map((axis) => ({
    place: place(axis),
    entries: entriesOf(problem, axis),
    values: rounded(poolRows(rows[axis], problem.axes[axis], place(axis), count)),
  }));
  const fixed = await fixedValues(problem, readPart, Math.min(count, maxInFixed));
  return {
    format: sketchFormat,
    spec: specToJSON({ axes: spec.axes, tensors: spec.tensors, warnings: [] }),
    size,
    blocks: fixed === undefined ? blocks : [...blocks, fixed],
    open: normalized.unidentifiable.map(({ axis }) => place(axis)),
  };
}

/** The problem with its parts in the order of their names, so that the order of a spec's tensors is of no account. */
function inNameOrder<P extends MatchProblem & { readonly sources: readonly unknown[] }>(
  problem: P,
): P {
  const order = problem.parts
    .map((_, i) => i)
    .sort((a, b) => (problem.parts[a].name < problem.parts[b].name ? -1 : 1));
  return {
    ...problem,
    parts: order.map((i) => problem.parts[i]),
    sources: order.map((i) => problem.sources[i]),
  };
}

const sizeOfPart = ({ dims }: MatchProblem["parts"][number]) =>
  dims.reduce((product, { size }) => product * size, 1);

function entriesOf({ parts }: MatchProblem, axis: string): number {
  return parts
    .filter(({ dims }) => dims.some((dim) => dim.axis === axis))
    .reduce((sum, part) => sum + sizeOfPart(part), 0);
}

/** Six digits: the noise of rounded weights lies above the rest. */
const rounded = (values: Float64Array): number[] =>
  Array.from(values, (value) => Number(value.toPrecision(6)));

/** Random projections of the parts that nothing moves, each in units of its root mean square. */
async function fixedValues(
  problem: MatchProblem,
  read: PartReader,
  channels: number,
): Promise<SketchBlock | undefined> {
  const values = new Float64Array(channels);
  let entries = 0;
  for (const [index, part] of problem.parts.entries()) {
    if (part.dims.some(({ axis }) => axis !== null && isMoving(problem.axes[axis]))) continue;
    const dense = await read(index);
    const message = messageTo(problem, part, dense, null, {}, { channels, linear: true });
    const factor = rootMeanSquare(dense.data) === 0 ? 0 : 1;
    for (let c = 0; c < channels; c++) values[c] += factor * message[c];
    entries += dense.data.length;
  }
  return entries === 0 ? undefined : { place: fixedBlock, entries, values: rounded(values) };
}

/**
 * How alike two sketches are, from -1 to 1: the mean of the cosines of their blocks, each block weighted by the square
 * root of its entries. 1 for two members of one orbit, about 0 for unrelated networks.
 * @throws {OptionError} for sketches of different specs, naming the difference, and of different sizes.
 */
export function compareSketches(a: Sketch, b: Sketch): number {
  checkComparable(a, b);
  let sum = 0;
  let weights = 0;
  for (const [i, { entries, values }] of a.blocks.entries()) {
    const other = b.blocks[i].values;
    const squares = dot(values, values) * dot(other, other);
    if (squares === 0 && dot(values, values) === dot(other, other)) continue; // nothing on either side
    const weight = Math.sqrt(entries);
    weights += weight;
    if (squares > 0) sum += (weight * dot(values, other)) / Math.sqrt(squares);
  }
  return weights === 0 ? 1 : sum / weights;
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function checkComparable(a: Sketch, b: Sketch): void {
  if (JSON.stringify(a.spec) !== JSON.stringify(b.spec)) {
    const difference = specDifference(specFromJSON(a.spec), specFromJSON(b.spec));
    if (difference !== null)
      throw new OptionError(
        `compareSketches: the sketches are of different specs: ${difference}; compare networks of one architecture`,
      );
  }
  if (a.size !== b.size)
    throw new OptionError(
      `compareSketches: the sketches have sizes ${a.size} and ${b.size}, expected the same; make both with one size`,
    );
  const layout = ({ blocks }: Sketch) =>
    blocks.map(({ place, values }) => `${place} with ${values.length} numbers`);
  const [left, right] = [layout(a), layout(b)];
  const at = left.findIndex((line, i) => line !== right[i]);
  if (at === -1 && left.length === right.length) return;
  throw new OptionError(
    `compareSketches: the sketches are laid out differently: ${left[at] ?? "nothing"} and ${right[at] ?? right[left.length]}; make both from one form of the spec`,
  );
}
