// The WebAssembly module of inner products in float64: four points on four directions at a time. With threads, all of them take their
// share of the points of a block.

import {
  type FunctionReference,
  type FunctionWriter,
  writeModule,
} from "../../kernels/wasm/assembler.ts";
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
import { writeMeeting } from "../../kernels/wasm/meeting.ts";
import { pageBytes } from "../../kernels/wasm/module.ts";
import { type KernelThreads, startCrew } from "../../kernels/threads.ts";

/** Points and directions that the kernel takes together; two directions lie in one vector. */
export const together = { points: 4, directions: 4 } as const;
const vectors = together.directions / 2;

/** Coordinates, directions and points of a block, and points that all directions pass over while they stay in a cache. */
export const most = { coordinates: 1024, directions: 256, points: 1024, cachedPoints: 16 } as const;

const numberBytes = Float64Array.BYTES_PER_ELEMENT;

/** Numbers from one point of a block to the next: not a power of two, whose multiples share places in caches. */
export const pointNumbers = most.coordinates + 8;

/** Numbers of the blocks of directions and products. */
const blockNumbers = {
  directions: most.directions * most.coordinates,
  products: most.points * most.directions,
} as const;

/** Where the arguments of a pass of threads lie, behind the words by which they are told of it. */
const argumentsAt = 24;
/** Where points begin. */
const pointsAt = 64;

/** Points of a block for every thread: as many passes over the directions as wake it seldom. */
const pointsOfThread = 8 * most.cachedPoints;

export const roundedUp = (count: number, step: number): number => step * Math.ceil(count / step);

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
 * Adds all products of some points: they lie one after another, directions in groups of four, `groupBytes` each, the four numbers
 * of a coordinate beside each other. Products lie direction by direction, `lineBytes` each.
 */
function writeProject(writer: FunctionWriter, fused: boolean): void {
  const [points, pointsEnd, directions, directionsEnd, groupBytes, out, lineBytes] =
    writer.parameters;
  const { local, emit, repeat } = writer;
  const [row, place, groupEnd] = [
    local("i32", "row"),
    local("i32", "place"),
    local("i32", "groupEnd"),
  ];
  repeat(
    () => {
      emit(set(row, get(points)), set(place, get(out)));
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

const names = ["pointsEnd", "directions", "directionsEnd", "groupBytes", "out", "lineBytes"];

/** Bytes of the points that stay in a cache together, and of their products of one direction. */
const cachedBytes = numberBytes * pointNumbers * most.cachedPoints;
const cachedPlaces = numberBytes * most.cachedPoints;

/** `part`: what one of the threads does of a pass, whose arguments lie in the memory: every so many groups of points. */
function writePart(
  { parameters, local, emit, repeat, when }: FunctionWriter,
  project: FunctionReference,
  meet: FunctionReference,
  threads: number,
): void {
  const [, thread] = parameters;
  const given = names.map((name) => local("i32", name));
  const [pointsEnd, directions, directionsEnd, groupBytes, out, lineBytes] = given;
  const [from, end] = [local("i32", "from"), local("i32", "end")];
  for (const [i, argument] of given.entries())
    emit(set(argument, access("i32.load", argumentsAt + 4 * i, i32(0))));
  emit(
    set(from, op("i32.add", i32(pointsAt), op("i32.mul", get(thread), i32(cachedBytes)))),
    set(out, op("i32.add", get(out), op("i32.mul", get(thread), i32(cachedPlaces)))),
  );
  when(op("i32.lt_u", get(from), get(pointsEnd)), () =>
    repeat(
      () => {
        emit(set(end, op("i32.add", get(from), i32(cachedBytes))));
        when(op("i32.gt_u", get(end), get(pointsEnd)), () => emit(set(end, get(pointsEnd))));
        const rest = [directions, directionsEnd, groupBytes, out, lineBytes].map(get);
        emit(project.call(get(from), get(end), ...rest));
        emit(set(from, op("i32.add", get(from), i32(threads * cachedBytes))));
        emit(set(out, op("i32.add", get(out), i32(threads * cachedPlaces))));
      },
      () => op("i32.lt_u", get(from), get(pointsEnd)),
    ),
  );
  emit(meet.call());
}

/** Where blocks lie in a memory, as bytes. */
function placesOf(rows: number) {
  const directions = pointsAt + rows * pointNumbers * numberBytes;
  const products = directions + blockNumbers.directions * numberBytes;
  return { directions, products, end: products + blockNumbers.products * numberBytes };
}

/** A module and its memory. */
export interface ProjectionModule {
  /** Points that a block holds, {@link pointNumbers} numbers each. */
  readonly rows: number;
  readonly points: Float64Array;
  /** In groups of four, coordinate by coordinate. */
  readonly directions: Float64Array;
  /** Direction by direction. */
  readonly products: Float64Array;
  /** Adds products of so many points of the block to those from a place of every line on. */
  readonly add: (points: number, block: BlockShape, place: number) => void;
}

/** What of the blocks is in use: groups of four directions, their coordinates, and products of a direction. */
export interface BlockShape {
  readonly groups: number;
  readonly coordinates: number;
  readonly perLine: number;
}

/** A module whose products round once or twice, with a memory of its own; with threads, which it keeps. @throws {EnvironmentError} when they do not start */
export function projectionModule(fused: boolean, crew?: KernelThreads): ProjectionModule {
  const { threads, sleeps } = crew ?? { threads: 1, sleeps: true };
  const rows = crew === undefined ? most.cachedPoints : threads * pointsOfThread;
  const places = placesOf(rows);
  const pages = Math.ceil(places.end / pageBytes);
  const limits = crew === undefined ? {} : { maximum: pages, shared: true };
  const module = writeModule({ pages: 1, ...limits });
  const project = module.func("project", ["points", ...names], (writer) =>
    writeProject(writer, fused),
  );
  if (crew !== undefined) {
    const meet = writeMeeting(module, threads, sleeps);
    module.func("part", ["batch", "thread"], (writer) => writePart(writer, project, meet, threads));
  }
  const memory = new WebAssembly.Memory({ initial: pages, ...limits });
  const compiled = new WebAssembly.Module(module.bytes());
  const { exports } = new WebAssembly.Instance(compiled, { host: { memory } });
  const run = exports as Record<string, (...numbers: number[]) => void>;
  const team =
    crew &&
    startCrew(crew.start, { module: compiled, memory, passes: ["part"] }, crew, (pass, batch) =>
      run[pass](batch, 0),
    );
  const given = new Int32Array(memory.buffer, argumentsAt, names.length);
  const view = (from: number, to: number) =>
    new Float64Array(memory.buffer, from, (to - from) / numberBytes);
  return {
    rows,
    points: view(pointsAt, places.directions),
    directions: view(places.directions, places.products),
    products: view(places.products, places.end),
    add: (points, { groups, coordinates, perLine }, place) => {
      const groupBytes = coordinates * numberBytes * together.directions;
      const pointsEnd = pointsAt + points * pointNumbers * numberBytes;
      const directionsEnd = places.directions + groups * groupBytes;
      const out = places.products + place * numberBytes;
      const numbers = [pointsEnd, places.directions, directionsEnd, groupBytes, out];
      numbers.push(perLine * numberBytes);
      if (team === undefined) run["project"](pointsAt, ...numbers);
      else {
        given.set(numbers);
        team.run("part", 0);
      }
    },
  };
}
