// Inner products of points with directions in float64, by a WebAssembly kernel: two points and four directions at a time, two
// coordinates at once. Blocks of both are copied into a memory of a few MiB that is used again. Where the host offers threads, all
// of them take parts of a large block.

import {
  startCrew,
  threadsToKeep,
  type KernelThreads,
  type ThreadTask,
} from "../kernels/threads.ts";
import {
  writeModule,
  type FunctionReference,
  type FunctionWriter,
} from "../kernels/wasm/assembler.ts";
import {
  access,
  get,
  i32,
  type Instruction,
  lanesFrom,
  type Local,
  op,
  set,
  storeLane,
  vector,
} from "../kernels/wasm/instructions.ts";
import { pageBytes, writeMeeting } from "../kernels/wasm/module.ts";

/** Numbers of a block of directions: 1 MiB. */
const directionNumbers = 131_072;
/** Numbers of a block of points, and of their products: 1 MiB for one thread, 4 MiB for several, which meet less often then. */
const pointNumbers = { alone: 131_072, together: 524_288 } as const;

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

/** Where the arguments of a block lie in shared memory, in words behind those of {@link serve}. */
const argumentWords = 16;
/** The blocks begin behind them. */
const blocksFrom = pageBytes;

/** What a projection is called with: places and distances in bytes. */
const argumentNames = [
  "points",
  "pointsEnd",
  "directions",
  "directionsEnd",
  "rowBytes",
  "out",
  "outBytes",
] as const;

/** Every thread's part of a block: pieces of so many points, in turns. Ends when all have ended. */
function writeParts(
  { parameters: [, thread], local, emit, when, repeat }: FunctionWriter,
  {
    project,
    meet,
    threads,
  }: { project: FunctionReference; meet: FunctionReference; threads: number },
): void {
  const word = (i: number) => access("i32.load", 4 * (argumentWords + i), i32(0));
  const [points, pointsEnd, directions, directionsEnd, rowBytes, out, outBytes] = argumentNames.map(
    (name, i) => {
      const argument = local("i32", name);
      emit(set(argument, word(i)));
      return argument;
    },
  );
  const [piece, row, end, column] = ["piece", "row", "end", "column"].map((n) => local("i32", n));
  emit(set(piece, word(argumentNames.length)));
  const bytesOf = (pieces: Instruction) =>
    op("i32.mul", pieces, op("i32.mul", get(piece), get(rowBytes)));
  const columnBytesOf = (pieces: Instruction) =>
    op("i32.mul", pieces, op("i32.mul", get(piece), i32(8)));
  emit(set(row, op("i32.add", get(points), bytesOf(get(thread)))));
  emit(set(column, op("i32.add", get(out), columnBytesOf(get(thread)))));
  when(op("i32.lt_u", get(row), get(pointsEnd)), () =>
    repeat(
      () => {
        emit(set(end, op("i32.add", get(row), bytesOf(i32(1)))));
        when(op("i32.gt_u", get(end), get(pointsEnd)), () => emit(set(end, get(pointsEnd))));
        const own = [row, end, directions, directionsEnd, rowBytes, column, outBytes];
        emit(project.call(...own.map(get)));
        emit(set(row, op("i32.add", get(row), bytesOf(i32(threads)))));
        emit(set(column, op("i32.add", get(column), columnBytesOf(i32(threads)))));
      },
      () => op("i32.lt_u", get(row), get(pointsEnd)),
    ),
  );
  emit(meet.call());
}

/** A kernel with its memory. */
interface Kernel {
  /** All products of a block: arguments as {@link argumentNames}, and the points of a piece. */
  readonly run: (block: readonly number[], piece: number) => void;
  /** The three blocks. */
  readonly points: Float64Array;
  readonly directions: Float64Array;
  readonly products: Float64Array;
}

function startKernel(crew?: KernelThreads): Kernel {
  const numbers = crew === undefined ? pointNumbers.alone : pointNumbers.together;
  const bytes = blocksFrom + 8 * (2 * numbers + directionNumbers);
  const pages = bytes / pageBytes;
  const isShared = crew !== undefined;
  const memory = new WebAssembly.Memory({
    initial: pages,
    ...(isShared && { maximum: pages, shared: true }),
  });
  const writer = writeModule({ pages: 1, ...(isShared && { maximum: pages, shared: true }) });
  const project = writer.func("project", argumentNames, writeProject);
  if (crew !== undefined) {
    const meet = writeMeeting(writer, crew.threads, crew.sleeps);
    const parts = { project, meet, threads: crew.threads };
    writer.func("parts", ["batch", "thread"], (into) => writeParts(into, parts));
  }
  const module = new WebAssembly.Module(writer.bytes());
  const { exports } = new WebAssembly.Instance(module, { host: { memory } });
  const block = (from: number, count: number) =>
    new Float64Array(memory.buffer, blocksFrom + 8 * from, count);
  return {
    run: runOf(exports, { module, memory, passes: ["parts"] }, crew),
    points: block(0, numbers),
    directions: block(2 * numbers, directionNumbers),
    products: block(numbers, numbers),
  };
}

/** Runs a block piece by piece here, or as parts of all threads. */
function runOf(
  exports: WebAssembly.Exports,
  task: Omit<ThreadTask, "thread">,
  crew: KernelThreads | undefined,
): Kernel["run"] {
  const project = exports["project"] as (...values: number[]) => void;
  if (crew === undefined)
    return ([points, pointsEnd, from, to, rowBytes, out, outBytes], piece) => {
      const step = piece * rowBytes;
      for (let row = points; row < pointsEnd; row += step) {
        const column = out + (8 * (row - points)) / rowBytes;
        project(row, Math.min(row + step, pointsEnd), from, to, rowBytes, column, outBytes);
      }
    };
  const parts = exports["parts"] as (batch: number, thread: number) => void;
  const threads = startCrew(crew.start, task, crew, (_, batch) => parts(batch, 0));
  const words = new Int32Array(task.memory.buffer, 4 * argumentWords);
  return (block, piece) => {
    words.set([...block, piece]);
    threads.run("parts", 0);
  };
}

/** Kernels by the number of their threads. */
const started = new Map<number, Kernel>();

function kernelFor(multiplications: number): Kernel {
  const crew = threadsToKeep(multiplications);
  const threads = crew?.threads ?? 1;
  const kernel = started.get(threads) ?? startKernel(crew);
  started.set(threads, kernel);
  return kernel;
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

/** Rows of a block of so many numbers, and of a piece of it; even numbers for points, multiples of four for directions. */
function rowsOfBlocks(dimension: number, numbers: number) {
  const padded = paddedDimension(dimension);
  const most = Math.floor(directionNumbers / padded);
  const directions = Math.min(most - (most % together.directions), 256);
  const inBlock = Math.floor(numbers / Math.max(padded, directions));
  const points = inBlock - (inBlock % together.points);
  const inCache = Math.floor(cachedNumbers / padded);
  const piece = Math.max(inCache - (inCache % together.points), together.points);
  return { points, directions, piece };
}

/** Whether rows are short enough for a tile of them to fit into a block, and long enough to be worth copying. */
export const suitsProjection = (dimension: number): boolean =>
  dimension >= 16 && rowsOfBlocks(dimension, pointNumbers.alone).directions > 0;

/** Inner products of points [size, dimension] with directions [directions][dimension]: into values [directions][size]. */
export function projectByKernel(
  data: Float64Array,
  size: number,
  dimension: number,
  directions: readonly Float64Array[],
  values: readonly Float64Array[],
): void {
  const {
    run,
    points,
    directions: onto,
    products,
  } = kernelFor(size * dimension * directions.length);
  const block = rowsOfBlocks(dimension, points.length);
  const rowBytes = 8 * paddedDimension(dimension);
  for (let l = 0; l < directions.length; l += block.directions) {
    const count = Math.min(block.directions, directions.length - l);
    const lines = writeRows(onto, count, (i) => directions[l + i], dimension, together.directions);
    for (let from = 0; from < size; from += block.points) {
      const taken = Math.min(block.points, size - from);
      const pointAt = (i: number) =>
        data.subarray((from + i) * dimension, (from + i + 1) * dimension);
      const rows = writeRows(points, taken, pointAt, dimension, together.points);
      const [start, first] = [points.byteOffset, onto.byteOffset];
      const to = first + lines * rowBytes;
      const ends = [start, start + rows * rowBytes, first, to, rowBytes];
      run([...ends, products.byteOffset, 8 * rows], block.piece);
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
