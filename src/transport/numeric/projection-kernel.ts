// Inner products of points with directions in float64, by a WebAssembly module: blocks of both are copied into a memory of a few MiB
// that is used again.

import { lastingThreads } from "../../kernels/threads.ts";
import { hasFusedMultiplyAdd } from "../../kernels/wasm/fused-multiply-add.ts";
import {
  type BlockShape,
  most,
  pointNumbers,
  type ProjectionModule,
  projectionModule,
  roundedUp,
  together,
} from "./projection-module.ts";

/** Directions side by side: row-major [dimension, count]. */
export interface DirectionMatrix {
  readonly dimension: number;
  readonly count: number;
  readonly data: Float64Array;
}

/** Directions one a row [directions][dimension], or side by side. */
export type DirectionRows = readonly Float64Array[];
export type DirectionList = DirectionRows | DirectionMatrix;

export const areRows = (directions: DirectionList): directions is DirectionRows =>
  Array.isArray(directions);

/** How many there are. */
export const countOf = (directions: DirectionList): number =>
  areRows(directions) ? directions.length : directions.count;

/** Points [size, dimension] and what their inner products with directions are written into: [directions][size]. */
export interface Projected {
  readonly data: Float64Array;
  readonly values: readonly Float64Array[];
}

/** Inner products of the points of each cloud with directions of that dimension, which are copied once for all clouds. */
export type Project = (
  clouds: readonly Projected[],
  dimension: number,
  directions: DirectionList,
) => void;

/** A part of a list of points, directions or coordinates. */
interface Part {
  readonly from: number;
  readonly count: number;
}

/** Parts of at most so many. */
function partsOf(length: number, atMost: number): Part[] {
  return Array.from({ length: Math.ceil(length / atMost) }, (_, i) => ({
    from: i * atMost,
    count: Math.min(atMost, length - i * atMost),
  }));
}

/** Points of a cloud that lie from a place on in the block of products. */
interface Rows extends Part {
  readonly cloud: Projected;
  readonly place: number;
}

/** Points of all clouds in lists of at most so many. */
function rowsOf(clouds: readonly Projected[], dimension: number, atMost: number): Rows[][] {
  const lists: Rows[][] = [];
  let place = atMost;
  for (const cloud of clouds) {
    const size = cloud.data.length / dimension;
    for (let from = 0; from < size;) {
      if (place >= atMost) {
        lists.push([]);
        place = 0;
      }
      const count = Math.min(atMost - place, size - from);
      lists[lists.length - 1].push({ cloud, from, count, place });
      from += count;
      place += roundedUp(count, together.points);
    }
  }
  return lists;
}

/** Copies a part of the coordinates of some directions: in groups of four, coordinate by coordinate. */
function writeDirections(
  block: Float64Array,
  directions: DirectionList,
  lines: Part,
  coordinates: Part,
): void {
  if (areRows(directions)) writeRows(block, directions, lines, coordinates);
  else writeColumns(block, directions, lines, coordinates);
}

/** {@link writeDirections} of directions side by side; those past the last are zeros. */
function writeColumns(
  block: Float64Array,
  { data, count }: DirectionMatrix,
  lines: Part,
  coordinates: Part,
): void {
  const step = together.directions;
  const end = coordinates.from + coordinates.count;
  const last = lines.from + lines.count;
  let at = 0;
  for (let l = lines.from; l < last; l += step) {
    if (l + step > last) block.fill(0, at, at + step * coordinates.count);
    for (let from = coordinates.from * count + l; from < end * count; from += count, at += step) {
      block[at] = data[from];
      if (l + 1 < last) block[at + 1] = data[from + 1];
      if (l + 2 < last) block[at + 2] = data[from + 2];
      if (l + 3 < last) block[at + 3] = data[from + 3];
    }
  }
}

/** {@link writeDirections} of directions one a row. */
function writeRows(
  block: Float64Array,
  directions: DirectionRows,
  lines: Part,
  coordinates: Part,
): void {
  const step = together.directions;
  const empty = new Float64Array(coordinates.count);
  const rowOf = (l: number) =>
    l < lines.count
      ? directions[lines.from + l].subarray(coordinates.from, coordinates.from + coordinates.count)
      : empty;
  for (let l = 0, at = 0; l < lines.count; l += step) {
    const [a, b, c, d] = [rowOf(l), rowOf(l + 1), rowOf(l + 2), rowOf(l + 3)];
    for (let j = 0; j < coordinates.count; j++, at += step) {
      block[at] = a[j];
      block[at + 1] = b[j];
      block[at + 2] = c[j];
      block[at + 3] = d[j];
    }
  }
}

/** Copies a part of the coordinates of some points. */
function writePoints(
  block: Float64Array,
  data: Float64Array,
  dimension: number,
  points: Part,
  coordinates: Part,
): void {
  for (let i = 0; i < points.count; i++) {
    const from = (points.from + i) * dimension + coordinates.from;
    block.set(data.subarray(from, from + coordinates.count), i * pointNumbers);
  }
}

/** Copies products out of a block that has so many for every direction. */
function readProducts(
  block: Float64Array,
  perLine: number,
  lines: Part,
  { cloud: { values }, from, count, place }: Rows,
): void {
  for (let l = 0; l < lines.count; l++) {
    const start = l * perLine + place;
    values[lines.from + l].set(block.subarray(start, start + count), from);
  }
}

/** Inner products by a module. */
export function projectWith(module: ProjectionModule): Project {
  /** Adds the products of some points, over the coordinates that the directions' block holds. */
  const addProducts = (rows: Rows, across: Part, dimension: number, block: BlockShape) => {
    for (const { from, count } of partsOf(rows.count, module.rows)) {
      const part = { from: rows.from + from, count };
      writePoints(module.points, rows.cloud.data, dimension, part, across);
      module.add(count, block, rows.place + from);
    }
  };
  return (clouds, dimension, directions) => {
    const lists = rowsOf(clouds, dimension, most.points);
    for (const onto of partsOf(countOf(directions), most.directions))
      for (const list of lists) {
        const groups = Math.ceil(onto.count / together.directions);
        const last = list[list.length - 1];
        const perLine = roundedUp(last.place + last.count, together.points);
        module.products.fill(0, 0, groups * together.directions * perLine);
        for (const across of partsOf(dimension, most.coordinates)) {
          writeDirections(module.directions, directions, onto, across);
          const block = { groups, coordinates: across.count, perLine };
          for (const rows of list) addProducts(rows, across, dimension, block);
        }
        for (const rows of list) readProducts(module.products, perLine, onto, rows);
      }
  };
}

const started: Partial<Record<"alone" | "together", Project>> = {};

/** By the module of this process; on all threads that it may use where that pays. */
export const projectByKernel: Project = (clouds, dimension, directions) => {
  const numbers = clouds.reduce((sum, { data }) => sum + data.length, 0);
  const threads = lastingThreads(numbers * countOf(directions));
  const project = (started[threads === undefined ? "alone" : "together"] ??= projectWith(
    projectionModule(hasFusedMultiplyAdd(), threads),
  ));
  project(clouds, dimension, directions);
};

/** Directions that are one a row, side by side. */
export function directionMatrix(rows: DirectionRows): DirectionMatrix {
  const [count, dimension] = [rows.length, rows[0].length];
  const data = new Float64Array(count * dimension);
  for (const [l, row] of rows.entries())
    for (let j = 0, at = l; j < dimension; j++, at += count) data[at] = row[j];
  return { dimension, count, data };
}
