// Scores to chances: softmax down the columns of [classes, rows], with what the loss needs of every row.

import { exponential } from "../pointwise.ts";
import { add, multiply, subtract } from "../wasm/arithmetic.ts";
import type { FunctionWriter } from "../wasm/assembler.ts";
import { get, i32, op, set, vector } from "../wasm/instructions.ts";
import type { Place } from "../wasm/static-arena.ts";
import { vectorBytes } from "../wasm/vectors.ts";
import { load, store, type Value } from "./build.ts";

/** Smallest argument of an exponential; e to it is 0 beside 1 in float32. */
const least = -87;

export interface ChancesOptions {
  readonly classes: number;
  /** A multiple of four. */
  readonly rows: number;
  /** What chances are multiplied by: the part of a row in the loss. */
  readonly share: number;
  readonly scores: Value;
  /** [classes, rows] */
  readonly to: Value;
  /** Of every row: the highest score, and the sum of exponentials of what others lie below it. */
  readonly most: Place;
  readonly sum: Place;
}

export function writeChances(
  writer: FunctionWriter,
  { classes, rows, share, scores, to, most, sum }: ChancesOptions,
): void {
  const { local, emit, loop } = writer;
  const [at, from, row] = [local("i32", "at"), local("i32", "from"), local("i32", "row")];
  const [highest, total, value] = ["highest", "total", "value"].map((n) => local("v128", n));
  const everyClass = (body: () => void) => {
    emit(set(from, get(row)));
    loop(at, get(row), i32(4 * classes * rows), 4 * rows, () => {
      body();
      emit(set(from, op("i32.add", get(from), i32(4 * scores.step))));
    });
  };
  loop(row, i32(0), i32(4 * rows), vectorBytes, () => {
    emit(set(highest, vector(-3e38)), set(total, vector(0)));
    everyClass(() => emit(set(highest, op("f32x4.max", get(highest), load(scores, get(from))))));
    everyClass(() => {
      const below = subtract(load(scores, get(from)), get(highest));
      emit(set(value, op("f32x4.max", below, vector(least))));
      emit(
        set(
          value,
          exponential(() => get(value), writer),
        ),
      );
      emit(set(total, add(get(total), get(value))), store(to, get(at), get(value)));
    });
    emit(store(most, get(row), get(highest)), store(sum, get(row), get(total)));
    emit(set(total, op("f32x4.div", vector(share), get(total))));
    everyClass(() => emit(store(to, get(at), multiply(load(to, get(at)), get(total)))));
  });
}
