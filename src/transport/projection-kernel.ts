// Inner products of points with directions in float64, by a WebAssembly kernel: two points and four directions at a time, two
// coordinates at once. Blocks of both are copied into a memory of a few MiB that is used again.

import { writeModule, type FunctionWriter } from "../kernels/wasm/assembler.ts";
import {
  access,
  get,
  i32,
  lanesFrom,
  type Local,
  op,
  set,
  storeLane,
  vector,
} from "../kernels/wasm/instructions.ts";
import { pageBytes } from "../kernels/wasm/module.ts";

/** Numbers of a block of points, of one of directions, and of their products: 1 MiB each. */
const blockNumbers = 131_072;
const blockBytes = 8 * blockNumbers;

/** Numbers of points that all directions pass over while they stay in the processor's second cache. */
const cachedNumbers = 32_768;

/** Points and directions that the kernel takes together. */
const together = { points: 2, directions: 4 } as const;

/** Coordinates as they lie in the memory: an even number of them. */
const paddedDimension = (dimension: number): number => dimension + (dimension % 2);

const roundedUp = (count: number, step: number): number => step * Math.ceil(count / step);

/** Adds what four directions and two points have in two coordinates. */
function multiplyPairs(
  { local, emit }: FunctionWriter,
  sums: readonly (readonly Local[])[],
  points: readonly Local[],
  directions: readonly Local[],
): void {
  const load = (pointer: Local, name: string) => {
    const value = local("v128", name);
    emit(set(value, access("v128.load", 0, get(pointer))));
    return value;
  };
  const read = points.map((pointer) => load(pointer, "point"));
  for (const [l, pointer] of directions.entries()) {
    const direction = load(pointer, "direction");
    for (const [i, point] of read.entries()) {
      const product = op("f64x2.mul", get(point), get(direction));
      emit(set(sums[l][i], op("f64x2.add", get(sums[l][i]), product)));
    }
  }
  for (const pointer of [...points, ...directions])
    emit(set(pointer, op("i32.add", get(pointer), i32(16))));
}

/** All products of a block: points and directions lie one after another, `rowBytes` each; a direction's products `outBytes` apart. */
function writeProject(writer: FunctionWriter): void {
  const [points, pointsEnd, directions, directionsEnd, rowBytes, out, outBytes] = writer.parameters;
  const { local, emit, repeat } = writer;
  const pointers = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => local("i32", `${name}${i}`));
  const [onPoints, onDirections] = [
    pointers("point", together.points),
    pointers("direction", together.directions),
  ];
  const [row, end, column] = [local("i32", "row"), local("i32", "end"), local("i32", "column")];
  const sums = onDirections.map((_, l) => onPoints.map((__, i) => local("v128", `sum${l}.${i}`)));
  /** Pointers to neighbouring rows. */
  const begin = (chain: readonly Local[], from: Local) => {
    for (const [i, pointer] of chain.entries())
      emit(set(pointer, i === 0 ? get(from) : op("i32.add", get(chain[i - 1]), get(rowBytes))));
  };
  const forward = (pointer: Local, bytes: Local, times: number) => {
    for (let i = 0; i < times; i++) emit(set(pointer, op("i32.add", get(pointer), get(bytes))));
  };
  const tile = () => {
    begin(onPoints, row);
    begin(onDirections, directions);
    for (const sum of sums.flat()) emit(set(sum, vector(0)));
    emit(set(end, op("i32.add", get(row), get(rowBytes))));
    repeat(
      () => multiplyPairs(writer, sums, onPoints, onDirections),
      () => op("i32.lt_u", get(onPoints[0]), get(end)),
    );
    const place = local("i32", "place");
    emit(set(place, get(column)));
    for (const ofDirection of sums) {
      for (const [i, sum] of ofDirection.entries()) {
        const other = lanesFrom([2, 3, 0, 1], get(sum), get(sum));
        emit(set(sum, op("f64x2.add", get(sum), other)));
        emit(storeLane("v128.store64_lane", 8 * i, 0, get(place), get(sum)));
      }
      forward(place, outBytes, 1);
    }
  };
  repeat(
    () => {
      emit(set(row, get(points)), set(column, get(out)));
      repeat(
        () => {
          tile();
          forward(row, rowBytes, together.points);
          emit(set(column, op("i32.add", get(column), i32(8 * together.points))));
        },
        () => op("i32.lt_u", get(row), get(pointsEnd)),
      );
      forward(directions, rowBytes, together.directions);
      forward(out, outBytes, together.directions);
    },
    () => op("i32.lt_u", get(directions), get(directionsEnd)),
  );
}

/** Parameters of {@link writeProject}. */
type Project = (
  points: number,
  pointsEnd: number,
  directions: number,
  directionsEnd: number,
  rowBytes: number,
  out: number,
  outBytes: number,
) => void;

interface Kernel {
  readonly project: Project;
  /** The three blocks. */
  readonly points: Float64Array;
  readonly directions: Float64Array;
  readonly products: Float64Array;
}

let started: Kernel | undefined;

function startKernel(): Kernel {
  const memory = new WebAssembly.Memory({ initial: (3 * blockBytes) / pageBytes });
  const module = writeModule({ pages: 1 });
  const parameters = ["points", "pointsEnd", "directions", "directionsEnd"];
  module.func("project", [...parameters, "rowBytes", "out", "outBytes"], writeProject);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    host: { memory },
  });
  const block = (number: number) =>
    new Float64Array(memory.buffer, number * blockBytes, blockNumbers);
  return {
    project: exports["project"] as Project,
    points: block(0),
    directions: block(1),
    products: block(2),
  };
}

/** Copies rows into a block, padded by zeros to an even length and to whole tiles. Says how many rows it holds now. */
function writeRows(
  block: Float64Array,
  count: number,
  rowOf: (row: number) => Float64Array,
  dimension: number,
  step: number,
): number {
  const stride = paddedDimension(dimension);
  const rows = roundedUp(count, step);
  if (stride !== dimension || rows !== count) block.fill(0, 0, rows * stride);
  for (let row = 0; row < count; row++) block.set(rowOf(row), row * stride);
  return rows;
}

/** Rows of blocks; even numbers for points, multiples of four for directions. */
function rowsOfBlocks(dimension: number): { points: number; directions: number } {
  const padded = paddedDimension(dimension);
  const most = Math.floor(blockNumbers / padded);
  const directions = Math.min(most - (most % together.directions), 256);
  const products = Math.floor(blockNumbers / Math.max(directions, 1));
  const cached = Math.max(Math.floor(cachedNumbers / padded), together.points);
  const points = Math.min(most, products, cached);
  return { points: points - (points % together.points), directions };
}

/** Whether rows are short enough for a tile of them to fit into a block, and long enough to be worth copying. */
export const suitsProjection = (dimension: number): boolean =>
  dimension >= 16 && rowsOfBlocks(dimension).directions > 0;

/** Inner products of points [size, dimension] with directions [directions][dimension]: into values [directions][size]. */
export function projectByKernel(
  data: Float64Array,
  size: number,
  dimension: number,
  directions: readonly Float64Array[],
  values: readonly Float64Array[],
): void {
  started ??= startKernel();
  const { project, points, directions: onto, products } = started;
  const block = rowsOfBlocks(dimension);
  const rowBytes = 8 * paddedDimension(dimension);
  for (let l = 0; l < directions.length; l += block.directions) {
    const count = Math.min(block.directions, directions.length - l);
    const lines = writeRows(onto, count, (i) => directions[l + i], dimension, together.directions);
    for (let from = 0; from < size; from += block.points) {
      const taken = Math.min(block.points, size - from);
      const pointAt = (i: number) =>
        data.subarray((from + i) * dimension, (from + i + 1) * dimension);
      const rows = writeRows(points, taken, pointAt, dimension, together.points);
      project(
        0,
        rows * rowBytes,
        blockBytes,
        blockBytes + lines * rowBytes,
        rowBytes,
        2 * blockBytes,
        8 * rows,
      );
      for (let i = 0; i < count; i++)
        values[l + i].set(products.subarray(i * rows, i * rows + taken), from);
    }
  }
}

/** Columns of a matrix, each an array of its own. */
export function columnsOf(rows: readonly ArrayLike<number>[]): Float64Array[] {
  const columns = Array.from({ length: rows[0].length }, () => new Float64Array(rows.length));
  for (const [i, row] of rows.entries())
    for (let j = 0; j < row.length; j++) columns[j][i] = row[j];
  return columns;
}

/**
 * The sum over directions of coefficient [directions][size] times direction [directions][dimension], for every point: inner
 * products of what belongs to a point with what belongs to a coordinate. Returns [size, dimension], row-major.
 */
export function pullBackByKernel(
  coefficients: readonly Float64Array[],
  directions: readonly Float64Array[],
): Float64Array {
  const [lines, size, dimension] = [
    directions.length,
    coefficients[0].length,
    directions[0].length,
  ];
  const ofPoints = new Float64Array(size * lines);
  for (const [l, row] of coefficients.entries())
    for (let i = 0; i < size; i++) ofPoints[i * lines + l] = row[i];
  const ofCoordinates = Array.from({ length: dimension }, () => new Float64Array(size));
  projectByKernel(ofPoints, size, lines, columnsOf(directions), ofCoordinates);
  const sums = new Float64Array(size * dimension);
  for (const [j, column] of ofCoordinates.entries())
    for (let i = 0; i < size; i++) sums[i * dimension + j] = column[i];
  return sums;
}
