// How the optimizers of populations move weights, four at a time: SGD, momentum, RMSProp and Adam as one composition, bias corrections in
// the size of the step.

import { add, divide, keep, multiply, subtract } from "../wasm/arithmetic.ts";
import type { FunctionWriter } from "../wasm/assembler.ts";
import { type Instruction, op, vector } from "../wasm/instructions.ts";

/** What stays the same over the steps of a network: see `optimizerNumbers` of populations. */
export interface MoveNumbers {
  /** Part of the average of gradients that is kept. */
  readonly keep: number;
  /** Part of the gradient that enters it. */
  readonly take: number;
  /** 1 where steps are divided by the root of the average of squares, else 0. */
  readonly adaptive: number;
  /** Factor that decoupled weight decay leaves of every weight in one step. */
  readonly decay: number;
  /** Part of the average of squares that is kept. */
  readonly secondDecay: number;
  /** Added to the root. */
  readonly epsilon: number;
}

/** What kernels read of them. */
export const moveNumbers = [
  "keep",
  "take",
  "adaptive",
  "decay",
  "secondDecay",
  "secondRest",
  "epsilon",
] as const;
export type MoveNumber = (typeof moveNumbers)[number];

/** One of them, as it stands in a kernel. */
export const moveNumber = (numbers: MoveNumbers, name: MoveNumber): number =>
  name === "secondRest" ? 1 - numbers.secondDecay : numbers[name];

export interface Moved {
  readonly first: Instruction;
  readonly second: Instruction;
  readonly weight: Instruction;
}

/** Writes what a step keeps of its numbers; from then on, how it moves four weights. A step of size 0 leaves them. */
export function beginMove(
  writer: FunctionWriter,
  number: (name: MoveNumber) => Instruction,
  stepSize: Instruction,
): (at: Readonly<Record<"gradient" | "first" | "second" | "weight", Instruction>>) => Moved {
  const size = keep(writer, "size", stepSize);
  const moves = keep(writer, "moves", op("f32x4.gt", size(), vector(0)));
  const adaptive = keep(writer, "adapts", op("f32x4.gt", number("adaptive"), vector(0)));
  return (at) => {
    const gradient = keep(writer, "gradient", at.gradient);
    const entering = multiply(gradient(), number("take"));
    const mean = keep(writer, "mean", add(multiply(at.first, number("keep")), entering));
    const squares = multiply(multiply(gradient(), gradient()), number("secondRest"));
    const square = keep(writer, "square", add(multiply(at.second, number("secondDecay")), squares));
    const root = add(op("f32x4.sqrt", square()), number("epsilon"));
    const below = op("v128.bitselect", root, vector(1), adaptive());
    const update = divide(multiply(mean(), size()), below);
    const weight = keep(writer, "weight", at.weight);
    const after = subtract(multiply(weight(), number("decay")), update);
    return {
      first: mean(),
      second: square(),
      weight: op("v128.bitselect", after, weight(), moves()),
    };
  };
}
