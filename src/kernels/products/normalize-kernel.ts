// Writes the pooling of Monomial-NFN (Tran et al. 2024): rows divided by their norms where positive factors act, without signs
// where signs do, averaged over all rows of a network; and its gradient.

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
} from "../wasm/instructions.ts";
import { type Frame, type Loop, mergeLoops } from "../nest.ts";
import type { NormalizeOperation } from "../wasm/operations.ts";
import { storeLanes, vectorBytes } from "../wasm/vectors.ts";
import { walkerOf, writeInner, writeShared } from "./walk.ts";

/** Rows whose squares add up to less are read as 0: their direction would be noise. */
const tiny = 1e-24;

/** Runs the body for every vector of a row, with the lanes that belong to it. */
function eachVector(
  { writer }: Frame,
  columns: number,
  body: (place: (pointer: Local) => Instruction, lanes: number) => void,
): void {
  const full = Math.floor(columns / 4);
  const column = writer.local("i32", "column");
  const place = (pointer: Local) => op("i32.add", get(pointer), get(column));
  if (full > 0)
    writer.loop(column, i32(0), i32(full * vectorBytes), vectorBytes, () => body(place, 4));
  if (columns % 4 === 0) return;
  writer.emit(set(column, i32(full * vectorBytes)));
  body(place, columns % 4);
}

/** The first lanes of a vector, 0 in the others. */
function firstLanes(value: Instruction, lanes: number): Instruction {
  if (lanes === 4) return value;
  const from = [0, 1, 2, 3].map((lane) => (lane < lanes ? lane : 4));
  return lanesFrom(from, value, vector(0));
}

/** The sum of the lanes, in every lane. */
function sumOfLanes(frame: Frame, value: Local): void {
  for (const order of [
    [2, 3, 0, 1],
    [1, 0, 3, 2],
  ])
    frame.writer.emit(
      set(value, op("f32x4.add", get(value), lanesFrom(order, get(value), get(value)))),
    );
}

/** -1, 0 or 1 with the sign of x. */
const signOf = (x: () => Instruction): Instruction =>
  op(
    "f32x4.sub",
    op("v128.and", op("f32x4.gt", x(), vector(0)), vector(1)),
    op("v128.and", op("f32x4.gt", vector(0), x()), vector(1)),
  );

interface Row {
  readonly x: Local;
  /** The gradient of the pooled row, or null on the way forwards. */
  readonly gradient: Local | null;
  readonly output: Local;
}

export function writeNormalize(frame: Frame, operation: NormalizeOperation): void {
  const { writer } = frame;
  const { sizes, columns, x, gradient, output } = operation;
  const rows = sizes.map((size): Loop => ({ size, batched: false }));
  const moving = gradient === null ? [x] : [x, output];
  const nest = mergeLoops(
    rows,
    moving.map(({ strides }) => strides),
    new Set(),
  );
  const network: Loop = { size: 1, batched: true };
  const names = ["x", "output", "gradient"];
  const views = gradient === null ? [x, output] : [x, output, gradient];
  const walkers = views.map((view, i) => walkerOf(frame, view, names[i], [view.batch]));
  const [ofX, ofOutput, ofGradient] = walkers;
  const entries = sizes.reduce((n, size) => n * size, 1);
  writeShared(frame, [network], walkers, () => {
    const zero = writer.local("v128", "zero");
    if (gradient === null && !operation.adds)
      eachVector(frame, columns, (place, lanes) => {
        writer.emit(set(zero, vector(0)));
        writer.emit(...storeLanes(() => place(ofOutput.pointer), 0, zero, lanes));
      });
    const inner = (gradient === null ? [ofX] : [ofX, ofOutput]).map(({ pointer }, i) => ({
      pointer,
      steps: nest.strides[i],
    }));
    writeInner(frame, nest.loops, inner, ([px, po]) => {
      if (gradient === null)
        writeRow(frame, operation, entries, { x: px, gradient: null, output: ofOutput.pointer });
      else writeRow(frame, operation, entries, { x: px, gradient: ofGradient.pointer, output: po });
    });
  });
}

/** One row: added to the pooled one, or its gradient. */
function writeRow(
  frame: Frame,
  { columns, positive, sign, adds }: NormalizeOperation,
  entries: number,
  row: Row,
): void {
  const { writer } = frame;
  const { emit } = writer;
  const inverse = writer.local("v128", "inverse");
  const [value, back, result] = ["value", "back", "result"].map((name) =>
    writer.local("v128", name),
  );
  emit(set(inverse, vector(1)));
  if (positive) writeInverseNorm(frame, columns, row.x, inverse);
  /** The row free of scales, and what its gradient is before the norm is seen: of the mean, and of the signs. */
  const load = (place: (pointer: Local) => Instruction) => {
    emit(set(value, op("f32x4.mul", access("v128.load", 0, place(row.x)), get(inverse))));
    if (row.gradient === null) return;
    const share = op("f32x4.mul", access("v128.load", 0, place(row.gradient)), vector(1 / entries));
    emit(
      set(
        back,
        sign
          ? op(
              "f32x4.mul",
              share,
              signOf(() => get(value)),
            )
          : share,
      ),
    );
  };
  const along = writer.local("v128", "along");
  if (row.gradient !== null && positive) {
    emit(set(along, vector(0)));
    eachVector(frame, columns, (place, lanes) => {
      load(place);
      const product = firstLanes(op("f32x4.mul", get(value), get(back)), lanes);
      emit(set(along, op("f32x4.add", get(along), product)));
    });
    sumOfLanes(frame, along);
  }
  eachVector(frame, columns, (place, lanes) => {
    load(place);
    const pooled = () => {
      const free = sign ? op("f32x4.abs", get(value)) : get(value);
      return op("f32x4.mul", free, vector(1 / entries));
    };
    const across = () => op("f32x4.sub", get(back), op("f32x4.mul", get(value), get(along)));
    const made =
      row.gradient === null
        ? pooled()
        : positive
          ? op("f32x4.mul", get(inverse), across())
          : get(back);
    const before = () => access("v128.load", 0, place(row.output));
    emit(set(result, row.gradient === null || adds ? op("f32x4.add", made, before()) : made));
    emit(...storeLanes(() => place(row.output), 0, result, lanes));
  });
}

/** 1 / |x| in every lane, 0 for rows that are too small. */
function writeInverseNorm(frame: Frame, columns: number, x: Local, inverse: Local): void {
  const { writer } = frame;
  const { emit } = writer;
  const [squares, entry] = [writer.local("v128", "squares"), writer.local("v128", "entry")];
  emit(set(squares, vector(0)));
  eachVector(frame, columns, (place, lanes) => {
    emit(set(entry, firstLanes(access("v128.load", 0, place(x)), lanes)));
    emit(set(squares, op("f32x4.add", get(squares), op("f32x4.mul", get(entry), get(entry)))));
  });
  sumOfLanes(frame, squares);
  const safe = op("f32x4.max", get(squares), vector(tiny));
  const large = op("f32x4.gt", get(squares), vector(tiny));
  emit(set(inverse, op("v128.and", large, op("f32x4.div", vector(1), op("f32x4.sqrt", safe)))));
}
