// Adam as one pass over all parameters of a model, in a memory of its own (Kingma and Ba 2015; Loshchilov and Hutter 2019).

import { EnvironmentError } from "../../core/errors.ts";
import { bytesOf } from "../nest.ts";
import { add, divide, keep, multiply, subtract } from "../wasm/arithmetic.ts";
import { type FunctionWriter, writeModule } from "../wasm/assembler.ts";
import { access, get, i32, type Instruction, lanesFrom, op, set } from "../wasm/instructions.ts";
import { maxPages, pageBytes } from "../wasm/module.ts";
import { lanesOfVector, vectorBytes } from "../wasm/vectors.ts";

/** Numbers of a step, the same for all entries. */
export interface AdamStep {
  /** Times the update: how far parameters move. */
  readonly rate: number;
  /** Times the gradients, which clips them. */
  readonly clip: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** What the averages are divided by: 1 - beta^steps. */
  readonly correction1: number;
  readonly correction2: number;
  /** Weight decay that is added to the gradient, and to the update. */
  readonly coupled: number;
  readonly decoupled: number;
}

/** In the order in which they lie in the memory. */
const names = [
  "rate",
  "clip",
  "beta1",
  "rest1",
  "beta2",
  "rest2",
  "epsilon",
  "correction1",
  "correction2",
  "coupled",
  "decoupled",
] as const;
type Name = (typeof names)[number];

/** Bytes before the arrays: the numbers of a step, then two float64 sums. */
const head = 64;
const sumsAt = 48;

/** Parameters with what Adam knows of them: views of one memory, each [size]. */
export interface AdamKernel {
  readonly params: Float32Array<ArrayBuffer>;
  readonly gradients: Float32Array<ArrayBuffer>;
  /** Running averages of the gradients and of their squares. */
  readonly first: Float32Array<ArrayBuffer>;
  readonly second: Float32Array<ArrayBuffer>;
  /** Euclidean norm of the gradients, added up in double precision. */
  norm(): number;
  /** Moves averages and parameters. */
  step(numbers: AdamStep): void;
}

/** Arrays of the memory, in order. */
const arrays = ["params", "gradients", "first", "second"] as const;
type ArrayName = (typeof arrays)[number];

const paddedBytes = (size: number): number => vectorBytes * Math.ceil(size / lanesOfVector);
const addressOf = (array: ArrayName, size: number): number =>
  head + arrays.indexOf(array) * paddedBytes(size);
const bytesFor = (size: number): number => head + arrays.length * paddedBytes(size);
const pagesFor = (size: number): number => Math.ceil(bytesFor(size) / pageBytes);

/** Whether a memory has room for so many parameters. */
export const hasRoomForAdam = (size: number): boolean => pagesFor(size) <= maxPages;

/** How vectors of the arrays are read and written at one place. */
interface Place {
  readonly load: (array: ArrayName) => Instruction;
  readonly store: (array: ArrayName, value: Instruction) => Instruction;
}

/** The same for every vector of the arrays. */
function everyVector(
  { local, loop }: FunctionWriter,
  size: number,
  body: (place: Place) => void,
): void {
  const at = local("i32", "at");
  loop(at, i32(0), i32(paddedBytes(size)), vectorBytes, () =>
    body({
      load: (array) => access("v128.load", addressOf(array, size), get(at)),
      store: (array, value) => access("v128.store", addressOf(array, size), get(at), value),
    }),
  );
}

function writeStep(writer: FunctionWriter, size: number): void {
  const { emit } = writer;
  const numbers = Object.fromEntries(
    names.map((name, i) => [
      name,
      keep(writer, name, access("v128.load32_splat", bytesOf(i), i32(0))),
    ]),
  ) as Record<Name, () => Instruction>;
  const { rate, clip, beta1, rest1, beta2, rest2, epsilon } = numbers;
  everyVector(writer, size, ({ load, store }) => {
    const value = keep(writer, "value", load("params"));
    const clipped = multiply(load("gradients"), clip());
    const gradient = keep(writer, "gradient", add(clipped, multiply(value(), numbers.coupled())));
    const averageOf = (array: ArrayName, kept: Instruction, entering: Instruction) =>
      keep(writer, array, add(multiply(load(array), kept), entering));
    const mean = averageOf("first", beta1(), multiply(gradient(), rest1()));
    const squares = multiply(multiply(gradient(), gradient()), rest2());
    const square = averageOf("second", beta2(), squares);
    emit(store("first", mean()), store("second", square()));
    const root = op("f32x4.sqrt", divide(square(), numbers.correction2()));
    const direction = divide(divide(mean(), numbers.correction1()), add(root, epsilon()));
    const update = add(direction, multiply(value(), numbers.decoupled()));
    emit(store("params", subtract(value(), multiply(update, rate()))));
  });
}

/** The sum of squares, as two sums of every other pair of lanes. */
function writeSquares(writer: FunctionWriter, size: number): void {
  const { emit, local } = writer;
  const total = local("v128", "total");
  everyVector(writer, size, ({ load }) => {
    const gradient = keep(writer, "gradient", load("gradients"));
    const squares = keep(writer, "squares", multiply(gradient(), gradient()));
    const upper = lanesFrom([2, 3, 2, 3], squares(), squares());
    for (const half of [squares(), upper])
      emit(set(total, op("f64x2.add", get(total), op("f64x2.promote_low_f32x4", half))));
  });
  emit(access("v128.store", sumsAt, i32(0), get(total)));
}

/** Room for so many parameters, all 0. @throws {EnvironmentError} where a memory cannot hold them */
export function adamKernel(size: number): AdamKernel {
  if (!hasRoomForAdam(size))
    throw new EnvironmentError(
      `kernels: Adam on ${size} parameters needs ${bytesFor(size)} bytes, at most ${maxPages * pageBytes} fit; use backend "engine"`,
    );
  const module = writeModule({ pages: 1 });
  module.func("step", [], (writer) => writeStep(writer, size));
  module.func("squares", [], (writer) => writeSquares(writer, size));
  const memory = new WebAssembly.Memory({ initial: pagesFor(size) });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    host: { memory },
  });
  const run = instance.exports as Record<"step" | "squares", () => void>;
  const view = (array: ArrayName) => new Float32Array(memory.buffer, addressOf(array, size), size);
  const numbers = new Float32Array(memory.buffer, 0, names.length);
  const sums = new Float64Array(memory.buffer, sumsAt, 2);
  return {
    params: view("params"),
    gradients: view("gradients"),
    first: view("first"),
    second: view("second"),
    norm: () => {
      run.squares();
      return Math.sqrt(sums[0] + sums[1]);
    },
    step: (step) => {
      const all = { ...step, rest1: 1 - step.beta1, rest2: 1 - step.beta2 };
      for (const [i, name] of names.entries()) numbers[i] = all[name];
      run.step();
    },
  };
}
