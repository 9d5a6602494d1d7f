// Which share of its mass every point gives to each line, by how far it lies from them: softmax over lines of -steepness * distance.
// A WebAssembly kernel takes two points at a time; points come in blocks, line by line, in a memory that is used again.

import { writeModule, type FunctionWriter } from "../../kernels/wasm/assembler.ts";
import {
  access,
  get,
  i32,
  type Instruction,
  type Local,
  op,
  set,
  twoNumbers,
} from "../../kernels/wasm/instructions.ts";
import { pageBytes } from "../../kernels/wasm/module.ts";
import { safeShare } from "../tree-coordinates.ts";

const numberBytes = Float64Array.BYTES_PER_ELEMENT;
const vectorBytes = 2 * numberBytes;

/** Numbers of a block, so many points times lines, where two points of all lines fit. */
const usualNumbers = 32_768;

/** Points of a block, at most. */
const mostPoints = 1024;

/** Where it is written whether all distances are numbers: two zeros. */
const oddAt = 16;

/** Where distances begin in the memory, behind what belongs to a call: [line][point]. */
const distancesAt = 64;

/** e to the power of less counts as 0: what is left are numbers with all digits. */
const least = -708;

/** Adding it leaves a whole number in the lowest bits. */
const wholeBits = 1.5 * 2 ** 52;

// ln 2 as two numbers, the first with so few digits that its product with a whole number below 2^20 is exact.
const ln2Start = 6.93147180369123816e-1;
const ln2Rest = 1.90821492927058770002e-10;

/** 1/1!, 1/2!, ... 1/12!. */
const taylor = Array.from({ length: 12 }, (_, i) =>
  Array.from({ length: i + 1 }, (__, j) => j + 1).reduce((product, j) => product / j, 1),
);

const add = (a: Instruction, b: Instruction) => op("f64x2.add", a, b);
const subtract = (a: Instruction, b: Instruction) => op("f64x2.sub", a, b);
const multiply = (a: Instruction, b: Instruction) => op("f64x2.mul", a, b);

/** c[0] + x * (c[1] + x * (...)). */
const polynomial = (x: Local, coefficients: readonly number[]): Instruction =>
  coefficients
    .slice(0, -1)
    .reduceRight(
      (sum, coefficient) => add(twoNumbers(coefficient), multiply(get(x), sum)),
      twoNumbers(coefficients[coefficients.length - 1]),
    );

/** Sets a local to e to the power of itself, for two numbers up to 0; to 0 where it is less than {@link least} or no number. */
function writeDecay({ local, emit }: FunctionWriter, x: Local): void {
  const [isLarge, bits, steps] = [
    local("v128", "isLarge"),
    local("v128", "bits"),
    local("v128", "steps"),
  ];
  const [rest, square] = [local("v128", "rest"), local("v128", "square")];
  const even = taylor.filter((_, i) => i % 2 === 1); // of rest^2, rest^4, ...
  const odd = taylor.filter((_, i) => i % 2 === 0); // of rest, rest^3, ...
  emit(
    set(isLarge, op("f64x2.ge", get(x), twoNumbers(least))),
    set(bits, add(multiply(get(x), twoNumbers(1 / Math.LN2)), twoNumbers(wholeBits))),
    set(steps, subtract(get(bits), twoNumbers(wholeBits))),
    set(rest, subtract(get(x), multiply(get(steps), twoNumbers(ln2Start)))),
    set(rest, subtract(get(rest), multiply(get(steps), twoNumbers(ln2Rest)))),
    set(square, multiply(get(rest), get(rest))),
    set(
      x,
      add(
        multiply(get(square), polynomial(square, even)),
        multiply(get(rest), polynomial(square, odd)),
      ),
    ),
    set(x, add(twoNumbers(1), get(x))),
    set(x, op("i64x2.add", get(x), op("i64x2.shl", get(bits), i32(52)))),
    set(x, op("v128.and", get(x), get(isLarge))),
  );
}

/**
 * `measure`: coordinates on lines become distances from them, by the squared distances from their sources: the root of square -
 * coordinate^2, no number where that is less than a share of the square.
 */
function writeMeasure(
  { parameters, local, emit, repeat }: FunctionWriter,
  squaresAt: number,
): void {
  const [bytes] = parameters;
  const at = local("i32", "at");
  const names = ["coordinate", "square", "rest", "odd"] as const;
  const [coordinate, square, rest, odd] = names.map((name) => local("v128", name));
  const isSafe = op("f64x2.gt", get(rest), multiply(get(square), twoNumbers(safeShare)));
  emit(set(at, i32(0)), set(odd, twoNumbers(0)));
  repeat(
    () => {
      emit(
        set(coordinate, access("v128.load", distancesAt, get(at))),
        set(square, access("v128.load", squaresAt, get(at))),
        set(rest, subtract(get(square), multiply(get(coordinate), get(coordinate)))),
        set(rest, op("v128.bitselect", op("f64x2.sqrt", get(rest)), twoNumbers(NaN), isSafe)),
        access("v128.store", distancesAt, get(at), get(rest)),
        set(odd, add(get(odd), subtract(get(rest), get(rest)))),
        set(at, op("i32.add", get(at), i32(vectorBytes))),
      );
    },
    () => op("i32.lt_u", get(at), get(bytes)),
  );
  emit(access("v128.store", oddAt, i32(0), get(odd)));
}

/**
 * `share`: shares of points from their distances; lines lie `lineBytes` apart, and end after `linesBytes`. Settings are the sign of the
 * steepness and its size.
 */
function writeShare(writer: FunctionWriter, sharesAt: number): void {
  const { parameters, local, emit, repeat } = writer;
  const [pointBytes, lineBytes, linesBytes] = parameters;
  const [point, at, end] = [local("i32", "point"), local("i32", "at"), local("i32", "end")];
  const [best, sum, x] = [local("v128", "best"), local("v128", "sum"), local("v128", "x")];
  const [sign, steepness] = [local("v128", "sign"), local("v128", "steepness")];
  const signed = multiply(get(sign), access("v128.load", distancesAt, get(at)));
  const overLines = (body: () => void) => {
    emit(set(at, get(point)));
    repeat(
      () => {
        body();
        emit(set(at, op("i32.add", get(at), get(lineBytes))));
      },
      () => op("i32.lt_u", get(at), get(end)),
    );
  };
  emit(
    set(sign, access("v128.load64_splat", 0, i32(0))),
    set(steepness, access("v128.load64_splat", numberBytes, i32(0))),
    set(point, i32(0)),
  );
  repeat(
    () => {
      emit(set(end, op("i32.add", get(point), get(linesBytes))));
      emit(set(best, twoNumbers(Infinity)), set(sum, twoNumbers(0)));
      overLines(() => emit(set(best, op("f64x2.pmin", get(best), signed))));
      overLines(() => {
        emit(set(x, multiply(get(steepness), subtract(get(best), signed))));
        writeDecay(writer, x);
        emit(set(sum, add(get(sum), get(x))), access("v128.store", sharesAt, get(at), get(x)));
      });
      emit(set(sum, op("f64x2.div", twoNumbers(1), get(sum))));
      overLines(() => {
        const share = multiply(access("v128.load", sharesAt, get(at)), get(sum));
        emit(access("v128.store", sharesAt, get(at), share));
      });
      emit(set(point, op("i32.add", get(point), i32(vectorBytes))));
    },
    () => op("i32.lt_u", get(point), get(pointBytes)),
  );
}

/** Coordinates and squared distances from the source of points, for one line each, and room for distances and shares: [lines][points]. */
export interface SharedPoints {
  readonly coordinates: readonly Float64Array[];
  readonly squares: readonly Float64Array[];
  readonly distances: readonly Float64Array[];
  readonly shares: readonly Float64Array[];
}

/** A kernel and its memory, for trees of at most so many lines. */
export interface SharingKernel {
  readonly mostLines: number;
  /** Squares are replaced by shares: [lines][points] both. */
  readonly distances: Float64Array;
  readonly shares: Float64Array;
  /** Coordinates become distances; says whether all of them are numbers. */
  readonly measure: (numbers: number) => boolean;
  readonly share: (lines: number, points: number, steepness: number) => void;
}

/** A kernel with a memory of its own; distances whose square is below a share of that from the source are no numbers. */
export function sharingKernel(lines: number): SharingKernel {
  const numbers = Math.max(usualNumbers, 2 * lines);
  const secondAt = distancesAt + numbers * numberBytes;
  const pages = Math.ceil((secondAt + numbers * numberBytes) / pageBytes);
  const memory = new WebAssembly.Memory({ initial: pages });
  const module = writeModule({ pages: 1 });
  module.func("measure", ["bytes"], (writer) => writeMeasure(writer, secondAt));
  const parameters = ["pointBytes", "lineBytes", "linesBytes"];
  module.func("share", parameters, (writer) => writeShare(writer, secondAt));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    host: { memory },
  });
  const run = exports as Record<"measure" | "share", (...numbers: number[]) => void>;
  const settings = new Float64Array(memory.buffer, 0, 2);
  const odd = new Float64Array(memory.buffer, oddAt, 2);
  return {
    mostLines: numbers / 2,
    distances: new Float64Array(memory.buffer, distancesAt, numbers),
    shares: new Float64Array(memory.buffer, secondAt, numbers),
    measure: (count) => {
      run.measure(count * numberBytes);
      return odd[0] === 0 && odd[1] === 0;
    },
    share: (count, points, steepness) => {
      settings[0] = steepness < 0 ? -1 : 1;
      settings[1] = Math.abs(steepness);
      const lineBytes = points * numberBytes;
      run.share(lineBytes, lineBytes, count * lineBytes);
    },
  };
}

/** Numbers of distances that are no numbers, taken from elsewhere. */
function mend(distances: Float64Array, points: number, measure: (i: number) => number): void {
  for (let i = 0; i < points; i++) if (Number.isNaN(distances[i])) distances[i] = measure(i);
}

let started: SharingKernel | undefined;

/**
 * Writes distances and shares, for a finite steepness. Distances that coordinates and squares do not give to the digits, those whose square is
 * below a share of that from the source, come from `measure(point, line)`.
 */
export function sharePoints(
  { coordinates, squares, distances, shares }: SharedPoints,
  steepness: number,
  measure: (point: number, line: number) => number,
): void {
  const [lines, size] = [coordinates.length, coordinates[0].length];
  if (started === undefined || started.mostLines < lines) started = sharingKernel(lines);
  const kernel = started;
  const together = Math.min(mostPoints, 2 * Math.floor(kernel.mostLines / lines));
  for (let from = 0; from < size; from += together) {
    const count = Math.min(together, size - from);
    const stride = count + (count % 2);
    for (let l = 0, at = 0; l < lines; l++, at += stride) {
      kernel.distances.set(coordinates[l].subarray(from, from + count), at);
      kernel.shares.set(squares[l].subarray(from, from + count), at);
    }
    if (!kernel.measure(lines * stride))
      for (let l = 0, at = 0; l < lines; l++, at += stride) {
        const ofLine = kernel.distances.subarray(at, at + count);
        mend(ofLine, count, (i) => measure(from + i, l));
      }
    kernel.share(lines, stride, steepness);
    for (let l = 0, at = 0; l < lines; l++, at += stride) {
      distances[l].set(kernel.distances.subarray(at, at + count), from);
      shares[l].set(kernel.shares.subarray(at, at + count), from);
    }
  }
}
