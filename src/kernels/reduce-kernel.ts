// Writes reductions and copies: rows of columns summed over some loops and scaled.

import { access, get, i32, type Local, op, set, vector } from "./wasm/instructions.ts";
import {
  addressOf,
  bytesOf,
  type Frame,
  type Loop,
  sumNest,
  once,
  threadRange,
  times,
  turnsOf,
} from "./nest.ts";
import type { ReduceOperation } from "./wasm/operations.ts";
import { lanesOf, type Panel, panelsOf, storeLanes, vectorBytes } from "./wasm/vectors.ts";

/** Vectors of a row that are summed together. */
const together = 8;

interface Walk {
  readonly loops: readonly Loop[];
  readonly input: readonly number[];
  readonly output: readonly number[];
}

interface Reduction {
  readonly kept: Walk;
  readonly reduced: Walk;
  readonly columns: number;
}

/** The loops of an operation as two walks. */
function simplified(operation: ReduceOperation): Reduction {
  const { kept, reduced, columns, keptSteps, reducedSteps } = sumNest(
    operation,
    [operation.input],
    operation.output,
  );
  return {
    kept: { loops: kept, input: keptSteps[0], output: keptSteps[1] },
    reduced: { loops: reduced, input: reducedSteps[0], output: [] },
    columns,
  };
}

export function writeReduce(frame: Frame, operation: ReduceOperation): void {
  const { writer } = frame;
  const { kept, reduced, columns } = simplified(operation);
  const [input, output] = [writer.local("i32", "input"), writer.local("i32", "output")];
  const bases = [operation.input, operation.output].map(({ buffer, offset }, i) => {
    const base = writer.local("i32", i === 0 ? "from" : "to");
    writer.emit(set(base, addressOf(frame, buffer, offset)));
    return base;
  });
  const panels = panelsOf(columns, together);
  const row = () => {
    for (const panel of panels)
      writePanels(frame, reduced, panel, [input, output], operation.scale);
  };
  const indices: Local[] = [];
  const place = () => {
    for (const [target, base, steps] of [
      [input, bases[0], kept.input],
      [output, bases[1], kept.output],
    ] as const) {
      const moved = indices.reduce(
        (sum, index, i) => op("i32.add", sum, times(get(index), bytesOf(steps[i]))),
        get(base),
      );
      writer.emit(set(target, moved));
    }
    row();
  };
  const visit = (i: number): void => {
    if (i === kept.loops.length) return place();
    const index = writer.local("i32", `i${i}`);
    indices.push(index);
    const total = turnsOf(frame, kept.loops[i]);
    const range = i === 0 ? threadRange(frame, total) : undefined;
    const [from, to] = range ? [get(range.from), get(range.to)] : [i32(0), total];
    writer.loop(index, from, to, 1, () => visit(i + 1));
    indices.pop();
  };
  if (kept.loops.length > 0) visit(0);
  else once(frame, place);
}

/** The panels of one row: every one is summed in registers. */
function writePanels(
  frame: Frame,
  reduced: Walk,
  panel: Panel,
  [input, output]: readonly Local[],
  scale: number,
): void {
  const { writer } = frame;
  const { emit } = writer;
  const sums = Array.from({ length: panel.vectors }, (_, v) => writer.local("v128", `sum${v}`));
  const column = writer.local("i32", "column");
  const write = () => {
    const [source, target] = [writer.local("i32", "source"), writer.local("i32", "target")];
    emit(set(target, op("i32.add", get(output), get(column))));
    const start = op("i32.add", get(input), get(column));
    if (reduced.loops.length === 0) {
      emit(set(source, start));
      for (const [v, sum] of sums.entries())
        emit(set(sum, access("v128.load", v * vectorBytes, get(source))));
    } else {
      for (const sum of sums) emit(set(sum, vector(0)));
      const first = writer.local("i32", "first");
      emit(set(first, start));
      writeSum(frame, reduced, sums, first);
    }
    for (const [v, sum] of sums.entries()) {
      if (scale !== 1) emit(set(sum, op("f32x4.mul", get(sum), vector(scale))));
      emit(...storeLanes(() => get(target), v * vectorBytes, sum, lanesOf(panel, v)));
    }
  };
  const width = panel.vectors * vectorBytes;
  if (panel.count === 1) {
    emit(set(column, i32(panel.begin)));
    write();
  } else {
    const end = i32(panel.begin + panel.count * width);
    writer.loop(column, i32(panel.begin), end, width, write, { runsOnce: true });
  }
}

/** Loops over what is summed, each with a pointer of its own. */
function writeSum(frame: Frame, reduced: Walk, sums: readonly Local[], first: Local): void {
  const { writer } = frame;
  const visit = (i: number, outer: Local): void => {
    if (i === reduced.loops.length) {
      for (const [v, sum] of sums.entries()) {
        const value = access("v128.load", v * vectorBytes, get(outer));
        writer.emit(set(sum, op("f32x4.add", get(sum), value)));
      }
      return;
    }
    const [turn, pointer] = [writer.local("i32", `turn${i}`), writer.local("i32", `at${i}`)];
    writer.emit(set(pointer, get(outer)));
    writer.loop(turn, i32(0), turnsOf(frame, reduced.loops[i]), 1, () => {
      visit(i + 1, pointer);
      writer.emit(set(pointer, op("i32.add", get(pointer), i32(bytesOf(reduced.input[i])))));
    });
  };
  visit(0, first);
}
