// Rows of every axis seen through random anchors: a network's fixed axes carry random vectors, and each index of a moving
// axis is the sum of its weights times the anchors at their other ends, then an anchor itself. Distances between such rows
// approximate distances between the weights they stand for (Johnson and Lindenstrauss 1984). Scales must be fixed first.

import { deriveSeed, randomStream } from "../../core/random.ts";
import { instanceCount } from "../../symmetry/element.ts";
import type { PartDim } from "../../symmetry/parts.ts";
import type { Axis } from "../../symmetry/types.ts";
import { isMoving, messageTo, rootMeanSquare } from "./messages.ts";
import type { MatchPart, MatchProblem, PartReader } from "../problem.ts";

/** Numbers in every row. */
export const rowChannels = 32;

/** How the weight of a part grows with its entries per index: between one vote a part (0) and one an entry (1/2). */
const entriesPower = 0.25;

/** Rows of one axis, [instances * size, rowChannels]: root mean square 1, centred where no sign flips them. */
export interface AnchoredRows {
  readonly rows: Float64Array;
  /** Of a general-linear axis: rows from the dimensions that transform by the inverse, `rows` being from the others. */
  readonly inverse?: Float64Array;
}

type Anchors = Record<string, Float64Array>;

/** A name for every axis that does not depend on how it is called: the first place where it stands. */
export function axisPlaces({ axes, parts }: MatchProblem): Map<string, string> {
  const places = parts.flatMap(({ name, dims }) =>
    dims.flatMap(({ axis }, dim) => (axis === null ? [] : [{ axis, place: `${name}:${dim}` }])),
  );
  const first = new Map<string, string>();
  for (const { axis, place } of places.toSorted((a, b) => (a.place < b.place ? -1 : 1)))
    if (!first.has(axis)) first.set(axis, place);
  return new Map(Object.keys(axes).map((axis) => [axis, first.get(axis) ?? axis]));
}

/** By axis, the positions of the parts that have it. */
function partsByAxis({ parts }: MatchProblem): Map<string, number[]> {
  const byAxis = new Map<string, number[]>();
  for (const [index, { dims }] of parts.entries()) {
    for (const axis of new Set(dims.flatMap((dim) => dim.axis ?? []))) {
      const known = byAxis.get(axis);
      if (known === undefined) byAxis.set(axis, [index]);
      else known.push(index);
    }
  }
  return byAxis;
}

/** Rows of one network with normalized scales. Reads each part once per axis it carries, and once more at the end. */
export async function anchoredRows(
  problem: MatchProblem,
  read: PartReader,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, AnchoredRows>>> {
  const { axes } = problem;
  const places = axisPlaces(problem);
  const anchors: Anchors = {};
  const options = { signal, byAxis: partsByAxis(problem) };
  for (const stage of stagesOf(problem)) {
    for (const axis of stage.unheard) anchors[axis] = unheardAnchors(problem, axis);
    const rows = await gather(problem, read, anchors, stage.axes, options);
    for (const axis of stage.axes)
      anchors[axis] = anchorsOf(rows[axis], axes[axis], places.get(axis) ?? axis);
  }
  const moving = Object.keys(axes).filter((name) => isMoving(axes[name]));
  const linear = moving.filter((name) => axes[name].group === "general-linear");
  const isInverse = ({ axis, inverse }: PartDim) => inverse && linear.includes(axis ?? "");
  const rows = await gather(problem, read, anchors, moving, options, (dim) => !isInverse(dim));
  const inverse = await gather(problem, read, anchors, linear, options, isInverse);
  return Object.fromEntries(
    moving.map((name) => [
      name,
      { rows: rows[name], ...(linear.includes(name) && { inverse: inverse[name] }) },
    ]),
  );
}

interface AnchorStage {
  readonly axes: readonly string[];
  /** Axes of the stage that must speak before they have heard anything. */
  readonly unheard: readonly string[];
}

const otherAxes = ({ axes }: MatchProblem, { dims }: MatchPart, dim: number): string[] =>
  dims.flatMap(({ axis }, at) =>
    axis !== null && at !== dim && isMoving(axes[axis]) ? [axis] : [],
  );

/** The order in which axes get anchors: from fixed axes outwards, through matrices rather than through vectors. */
function stagesOf(problem: MatchProblem): AnchorStage[] {
  const { axes, parts } = problem;
  const left = new Set(Object.keys(axes).filter((name) => isMoving(axes[name])));
  const stages: AnchorStage[] = [];
  const byAxis = partsByAxis(problem);
  const heardThrough = (minDims: number) => (name: string) =>
    (byAxis.get(name) ?? []).some((index) =>
      parts[index].dims.some(
        ({ axis }, dim) =>
          axis === name &&
          parts[index].dims.length >= minDims &&
          otherAxes(problem, parts[index], dim).every((other) => !left.has(other)),
      ),
    );
  while (left.size > 0) {
    const names = [...left];
    let next = names.filter(heardThrough(2));
    if (next.length === 0) next = names.filter(heardThrough(1));
    const unheard = next.length === 0 ? names : [];
    if (next.length === 0) next = names;
    for (const name of next) left.delete(name);
    stages.push({ axes: next, unheard });
  }
  return stages;
}

/** One where reorderings are the whole group, zero where no vector but zero is left alone by it. */
function unheardAnchors(problem: MatchProblem, name: string): Float64Array {
  const { group, scale, size } = problem.axes[name];
  const value = group === "permutation" && scale !== "sign" ? 1 : 0;
  return new Float64Array(instanceCount(problem, name) * size * rowChannels).fill(value);
}

interface GatherOptions {
  readonly signal: AbortSignal | undefined;
  readonly byAxis: ReadonlyMap<string, readonly number[]>;
}

/** Rows of some axes from all parts whose other axes have anchors. */
async function gather(
  problem: MatchProblem,
  read: PartReader,
  anchors: Anchors,
  wanted: readonly string[],
  { signal, byAxis }: GatherOptions,
  counts: (dim: PartDim) => boolean = () => true,
): Promise<Anchors> {
  const { axes, parts } = problem;
  const rows: Anchors = Object.fromEntries(
    wanted.map((name) => [
      name,
      new Float64Array(instanceCount(problem, name) * axes[name].size * rowChannels),
    ]),
  );
  const indices = new Set(wanted.flatMap((name) => byAxis.get(name) ?? []));
  for (const index of [...indices].sort((x, y) => x - y)) {
    const part = parts[index];
    const targets = part.dims.flatMap((place, dim) => {
      const { axis } = place;
      return axis !== null &&
        counts(place) &&
        Object.hasOwn(rows, axis) &&
        otherAxes(problem, part, dim).every((other) => Object.hasOwn(anchors, other))
        ? [{ axis, dim }]
        : [];
    });
    if (targets.length === 0) continue;
    signal?.throwIfAborted();
    const dense = await read(index);
    for (const { axis, dim } of targets) {
      const options = { channels: rowChannels, linear: true };
      const message = messageTo(problem, part, dense, dim, anchors, options);
      const entries = dense.data.length / (message.length / rowChannels);
      const random = randomStream(deriveSeed(2, "row", part.name, dim));
      const signs = Array.from({ length: rowChannels }, () => (random.uniform() < 0.5 ? -1 : 1));
      const unit = rootMeanSquare(message);
      if (unit === 0) continue;
      const factor = entries ** entriesPower / unit;
      const sums = rows[axis];
      for (let i = 0; i < sums.length; i++) sums[i] += factor * signs[i % rowChannels] * message[i];
    }
  }
  for (const name of wanted) normalize(rows[name], axes[name]);
  return rows;
}

/** Takes the mean row away where the group leaves it alone, and brings the root mean square to 1. */
function normalize(rows: Float64Array, { group, scale }: Axis): void {
  const count = rows.length / rowChannels;
  if (count > 1 && group === "permutation" && scale !== "sign") {
    for (let c = 0; c < rowChannels; c++) {
      let mean = 0;
      for (let i = c; i < rows.length; i += rowChannels) mean += rows[i] / count;
      for (let i = c; i < rows.length; i += rowChannels) rows[i] -= mean;
    }
  }
  const unit = rootMeanSquare(rows) || 1;
  for (let i = 0; i < rows.length; i++) rows[i] /= unit;
}

/** Rows as anchors: through a cosine, an odd function, or as they are, by what the group allows. */
function anchorsOf(rows: Float64Array, { group, scale }: Axis, place: string): Float64Array {
  if (group === "general-linear") return rows;
  if (scale === "sign") return rows.map((x) => Math.SQRT2 * Math.sin(x));
  const random = randomStream(deriveSeed(3, "anchor", place));
  const phases = Array.from({ length: rowChannels }, () => 2 * Math.PI * random.uniform());
  return rows.map((x, i) => Math.SQRT2 * Math.cos(x + phases[i % rowChannels]));
}
