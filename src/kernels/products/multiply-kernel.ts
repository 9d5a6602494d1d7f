// Writes products of two arrays entry by entry and column by column, summed over some loops: contractions and outer
// products of weights, sums with factors, and their gradients.

import type { MultiplyAdd } from "../wasm/fused-multiply-add.ts";
import { access, get, i32, type Local, op, set, vector } from "../wasm/instructions.ts";
import { bytesOf, type Frame, sumNest, type SumNest } from "../nest.ts";
import type { MultiplyOperation } from "../wasm/operations.ts";
import { lanesOf, type Panel, panelsOf, storeLanes, vectorBytes } from "../wasm/vectors.ts";
import { type Walker, walkerOf, writeInner, writeShared } from "./walk.ts";

/** Vectors of a row that are summed together. */
const together = 8;
/** So many turns of a single loop are written out one after another, up to twice as many where there are no more. */
const unrolled = 4;

export function writeMultiply(frame: Frame, operation: MultiplyOperation, madd: MultiplyAdd): void {
  const { x, y, output } = operation;
  const sum = sumNest(operation, y === null ? [x] : [x, y], output);
  const views = y === null ? [x, output] : [x, y, output];
  const names = y === null ? ["x", "output"] : ["x", "y", "output"];
  const walkers = views.map((view, i) => walkerOf(frame, view, names[i], sum.keptSteps[i]));
  writeShared(frame, sum.kept, walkers, () => {
    for (const panel of panelsOf(sum.columns, together))
      writePanels(frame, operation, sum, panel, walkers, madd);
  });
}

/** All panels of one form of a row. */
function writePanels(
  frame: Frame,
  operation: MultiplyOperation,
  sum: SumNest,
  panel: Panel,
  walkers: readonly Walker[],
  madd: MultiplyAdd,
): void {
  const { writer } = frame;
  const column = writer.local("i32", "column");
  const width = panel.vectors * vectorBytes;
  const body = () => writePanel(frame, operation, sum, panel, walkers, column, madd);
  if (panel.count === 1) {
    writer.emit(set(column, i32(panel.begin)));
    body();
  } else {
    const end = i32(panel.begin + panel.count * width);
    writer.loop(column, i32(panel.begin), end, width, body, { runsOnce: true });
  }
}

function writePanel(
  frame: Frame,
  { scale, adds, batch }: MultiplyOperation,
  { reduced, reducedSteps }: SumNest,
  panel: Panel,
  walkers: readonly Walker[],
  column: Local,
  madd: MultiplyAdd,
): void {
  const { writer } = frame;
  const { emit } = writer;
  const at = walkers.map((_, i) => writer.local("i32", `at${i}`));
  for (const [i, local] of at.entries())
    emit(set(local, op("i32.add", get(walkers[i].pointer), get(column))));
  const sums = Array.from({ length: panel.vectors }, (_, v) => writer.local("v128", `sum${v}`));
  for (const one of sums) emit(set(one, vector(0)));
  const factors = at.slice(0, -1);
  const addOne = (pointers: readonly Local[], turn: number) => {
    for (const [v, one] of sums.entries()) {
      const [a, b] = pointers.map((pointer, i) =>
        access(
          "v128.load",
          v * vectorBytes + turn * bytesOf(reducedSteps[i][0] ?? 0),
          get(pointer),
        ),
      );
      emit(set(one, b === undefined ? op("f32x4.add", get(one), a) : madd(a, b, get(one))));
    }
  };
  const [only] = reduced;
  if (reduced.length === 1 && !only.batched)
    writeTurns(
      frame,
      only.size,
      factors.map((pointer, i) => ({ pointer, step: reducedSteps[i][0] })),
      (turn) => addOne(factors, turn),
    );
  else {
    const inner = factors.map((pointer, i) => ({ pointer, steps: reducedSteps[i] }));
    writeInner(frame, reduced, inner, (pointers) => addOne(pointers, 0));
  }
  const target = at[at.length - 1];
  for (const [v, one] of sums.entries()) {
    if (scale !== 1) emit(set(one, op("f32x4.mul", get(one), vector(scale))));
    if (adds || batch === "reduced")
      emit(set(one, op("f32x4.add", get(one), access("v128.load", v * vectorBytes, get(target)))));
    emit(...storeLanes(() => get(target), v * vectorBytes, one, lanesOf(panel, v)));
  }
}

/** A single loop with several turns written out one after another; moves the pointers. */
function writeTurns(
  { writer }: Frame,
  size: number,
  moving: readonly { readonly pointer: Local; readonly step: number }[],
  body: (turn: number) => void,
): void {
  const blocks = size < 2 * unrolled ? 0 : Math.floor(size / unrolled);
  if (blocks > 0) {
    const block = writer.local("i32", "block");
    writer.loop(
      block,
      i32(0),
      i32(blocks),
      1,
      () => {
        for (let turn = 0; turn < unrolled; turn++) body(turn);
        for (const { pointer, step } of moving)
          if (step !== 0)
            writer.emit(set(pointer, op("i32.add", get(pointer), i32(bytesOf(unrolled * step)))));
      },
      { runsOnce: true },
    );
  }
  for (let turn = 0; turn < size - blocks * unrolled; turn++) body(turn);
}
