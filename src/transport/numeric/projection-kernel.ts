// Inner products of points with directions in float64, by a WebAssembly kernel: four points and four directions at a time. Blocks
// of both are copied into a memory of a few MiB that is used again.

import { writeModule, type FunctionWriter } from "../../kernels/wasm/assembler.ts";
import { hasFusedMultiplyAdd } from "../../kernels/wasm/fused-multiply-add.ts";
import {
  access,
  get,
  i32,
  type Instruction,
  lanesFrom,
  type Local,
  op,
  set,
  vector,
} from "../../kernels/wasm/instructions.ts";
import { pageBytes } from "../../kernels/wasm/module.ts";

/** Points and directions that the kernel takes together; two directions lie in one vector. */
const together = { points: 4, directions: 4 } as const;
const vectors = together.directions / 2;

/** Coordinates, directions and points of a block, and points that all directions pass over while they stay in a cache. */
const most = { coordinates: 1024, directions: 256, points: 1024, cachedPoints: 16 } as const;

const numberBytes = Float64Array.BYTES_PER_ELEMENT;

/** Numbers from one point of a block to the next: not a power of two, whose multiples share places in caches. */
const pointNumbers = most.coordinates + 8;

/** Numbers of the three blocks. */
const blockNumbers = {
  points: most.cachedPoints * pointNumbers,
  directions: most.directions * most.coordinates,
  products: most.points * most.directions,
} as const;

const roundedUp = (count: number, step: number): number => step * Math.ceil(count / step);

/** a * b + c on two numbers. */
const multiplyAdd = (fused: boolean, a: Instruction, b: Instruction, c: Instruction) =>
  fused ? op("f64x2.relaxed_madd", a, b, c) : op("f64x2.add", c, op("f64x2.mul", a, b));

/** Adds to the products of four points and four directions what all coordinates of the block give. */
function writeTile(
  writer: FunctionWriter,
  fused: boolean,
  {
    row,
    group,
    groupEnd,
    place,
    lineBytes,
  }: Record<"row" | "group" | "groupEnd" | "place" | "lineBytes", Local>,
): void {
  const { local, emit, repeat } = writer;
  const [point, direction] = [local("i32", "point"), local("i32", "direction")];
  const factor = local("v128", "factor");
  const pair = Array.from({ length: vectors }, (_, v) => local("v128", `pair${v}`));
  const sums = Array.from({ length: together.points }, (_, i) =>
    pair.map((__, v) => local("v128", `sum${i}.${v}`)),
  );
  for (const sum of sums.flat()) emit(set(sum, vector(0)));
  emit(set(point, get(row)), set(direction, get(group)));
  repeat(
    () => {
      for (const [v, two] of pair.entries())
        emit(set(two, access("v128.load", 16 * v, get(direction))));
      for (const [i, ofPoint] of sums.entries()) {
        const at = numberBytes * pointNumbers * i;
        emit(set(factor, access("v128.load64_splat", at, get(point))));
        for (const [v, sum] of ofPoint.entries())
          emit(set(sum, multiplyAdd(fused, get(factor), get(pair[v]), get(sum))));
      }
      emit(set(point, op("i32.add", get(point), i32(numberBytes))));
      emit(set(direction, op("i32.add", get(direction), i32(16 * vectors))));
    },
    () => op("i32.lt_u", get(direction), get(groupEnd)),
  );
  addSums(writer, sums, place, lineBytes);
}

/** Adds sums [point][two directions] to products that lie direction by direction; `place` is at the first, and moves on. */
function addSums(
  { local, emit }: FunctionWriter,
  sums: readonly (readonly Local[])[],
  place: Local,
  lineBytes: Local,
): void {
  const line = local("i32", "line");
  emit(set(line, get(place)));
  for (let d = 0; d < together.directions; d++) {
    const lanes = d % 2 === 0 ? [0, 1, 4, 5] : [2, 3, 6, 7];
    for (let i = 0; i < together.points; i += 2) {
      const [one, next] = [sums[i], sums[i + 1]].map((ofPoint) => get(ofPoint[Math.floor(d / 2)]));
      const before = access("v128.load", numberBytes * i, get(line));
      const after = op("f64x2.add", before, lanesFrom(lanes, one, next));
      emit(access("v128.store", numberBytes * i, get(line), after));
    }
    emit(set(line, op("i32.add", get(line), get(lineBytes))));
  }
  emit(set(place, op("i32.add", get(place), i32(numberBytes * together.points))));
}

/**
 * Adds all products of a block: points lie one after another from 0, directions in groups of four, `groupBytes` each, the four numbers
 * of a coordinate beside each other. Products lie direction by direction, `lineBytes` each.
 */
function writeProject(writer: FunctionWriter, fused: boolean): void {
  const [pointsEnd, directions, directionsEnd, groupBytes, out, lineBytes] = writer.parameters;
  const { local, emit, repeat } = writer;
  const [row, place, groupEnd] = [
    local("i32", "row"),
    local("i32", "place"),
    local("i32", "groupEnd"),
  ];
  repeat(
    () => {
      emit(set(row, i32(0)), set(place, get(out)));
      emit(set(groupEnd, op("i32.add", get(directions), get(groupBytes))));
      repeat(
        () => {
          writeTile(writer, fused, { row, group: directions, groupEnd, place, lineBytes });
          const rowBytes = numberBytes * pointNumbers * together.points;
          emit(set(row, op("i32.add", get(row), i32(rowBytes))));
        },
        () => op("i32.lt_u", get(row), get(pointsEnd)),
      );
      emit(set(directions, get(groupEnd)));
      const ofGroup = op("i32.mul", get(lineBytes), i32(together.directions));
      emit(set(out, op("i32.add", get(out), ofGroup)));
    },
    () => op("i32.lt_u", get(directions), get(directionsEnd)),
  );
}

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

/** A kernel with a memory of its own, whose products round once or twice. */
export function projectionKernel(fused: boolean): Project {
  const { points, directions: lines, products } = blockNumbers;
  const starts = [0, points, points + lines, points + lines + products].map((n) => n * numberBytes);
  const memory = new WebAssembly.Memory({ initial: Math.ceil(starts[3] / pageBytes) });
  const module = writeModule({ pages: 1 });
  const parameters = ["pointsEnd", "directions", "directionsEnd"];
  module.func("project", [...parameters, "groupBytes", "out", "lineBytes"], (writer) =>
    writeProject(writer, fused),
  );
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    host: { memory },
  });
  const run = exports["project"] as (...numbers: number[]) => void;
  const [pointBlock, lineBlock, productBlock] = [points, lines, products].map(
    (length, i) => new Float64Array(memory.buffer, starts[i], length),
  );
  const step = numberBytes * together.directions;
  /** Adds the products of some points, over the coordinates that the directions' block holds. */
  const addProducts = (rows: Rows, across: Part, dimension: number, ends: readonly number[]) => {
    for (const { from, count } of partsOf(rows.count, most.cachedPoints)) {
      const part = { from: rows.from + from, count };
      writePoints(pointBlock, rows.cloud.data, dimension, part, across);
      const out = starts[2] + (rows.place + from) * numberBytes;
      run(
        count * pointNumbers * numberBytes,
        starts[1],
        ends[0],
        across.count * step,
        out,
        ends[1],
      );
    }
  };
  return (clouds, dimension, directions) => {
    const lists = rowsOf(clouds, dimension, most.points);
    for (const onto of partsOf(countOf(directions), most.directions))
      for (const list of lists) {
        const groups = Math.ceil(onto.count / together.directions);
        const last = list[list.length - 1];
        const perLine = roundedUp(last.place + last.count, together.points);
        productBlock.fill(0, 0, groups * together.directions * perLine);
        for (const across of partsOf(dimension, most.coordinates)) {
          writeDirections(lineBlock, directions, onto, across);
          const ends = [starts[1] + groups * across.count * step, perLine * numberBytes];
          for (const rows of list) addProducts(rows, across, dimension, ends);
        }
        for (const rows of list) readProducts(productBlock, perLine, onto, rows);
      }
  };
}

let started: Project | undefined;

/** The kernel of this process. */
export const projectByKernel: Project = (...of) =>
  (started ??= projectionKernel(hasFusedMultiplyAdd()))(...of);

/** Directions that are one a row, side by side. */
export function directionMatrix(rows: DirectionRows): DirectionMatrix {
  const [count, dimension] = [rows.length, rows[0].length];
  const data = new Float64Array(count * dimension);
  for (const [l, row] of rows.entries())
    for (let j = 0, at = l; j < dimension; j++, at += count) data[at] = row[j];
  return { dimension, count, data };
}
