// What a product reads: values of a schedule, made once, and the features of a product side by side.

import type { LoweredSpec } from "../symmetry/lower.ts";
import type { FeatureUse, Schedule } from "../plan/schedule.ts";
import { type ArenaPlan, type Value, viewOf } from "./arena.ts";
import type { Operation, View } from "./wasm/operations.ts";

export type Aggregation = "mean" | "sum";

/** Columns of a product's features or targets that lie in one array: rows by slot. */
export interface Piece {
  readonly value: Value;
  /** First row of the coefficients that belong to it. */
  readonly row: number;
}

/** More features than these are copied side by side before they are multiplied. */
const maxPieces = 3;

export interface Readings {
  /** The value of a step. */
  of(step: number): Value;
}

/** Values of a schedule over these inputs; steps in `known` were made elsewhere. New operations go to `operations`. */
export function readSchedule(
  arena: ArenaPlan,
  operations: Operation[],
  { steps }: Schedule,
  inputs: readonly Value[],
  aggregation: Aggregation,
  known: ReadonlyMap<number, Value>,
): Readings {
  const values = new Map(known);
  const make = (step: number): Value => {
    const how = steps[step];
    if (how.kind === "input") return inputs[how.tensor];
    const from = of(how.from);
    if (how.kind === "diagonal") {
      const { a, b } = how;
      const strides = from.strides.map((stride, i) =>
        i === a ? stride + from.strides[b] : stride,
      );
      return { ...from, sizes: from.sizes.toSpliced(b, 1), strides: strides.toSpliced(b, 1) };
    }
    const { dim } = how;
    const size = from.sizes[dim];
    const kept = from.sizes.toSpliced(dim, 1);
    const value = arena.value(`sum ${step}`, kept, from.columns);
    const order = [...kept.map((_, i) => (i < dim ? i : i + 1)), dim];
    operations.push({
      kind: "reduce",
      name: `reduce_${step}`,
      batch: "kept",
      kept,
      reduced: [size],
      columns: from.columns,
      input: viewOf(from, order),
      output: viewOf(
        value,
        kept.map((_, i) => i),
      ),
      scale: aggregation === "mean" ? 1 / size : 1,
    });
    return value;
  };
  const of = (step: number): Value => {
    const value = values.get(step) ?? make(step);
    values.set(step, value);
    return value;
  };
  return { of };
}

/** Features of one product, in order: as they are, or copied side by side where they are many. */
export function readOperand(
  arena: ArenaPlan,
  operations: Operation[],
  name: string,
  readings: Readings,
  uses: readonly FeatureUse[],
): Piece[] {
  const pieces: Piece[] = [];
  let row = 0;
  for (const { value: step, order } of uses) {
    const value = readings.of(step);
    const sizes = order.map((dim) => value.sizes[dim]);
    const strides = order.map((dim) => value.strides[dim]);
    pieces.push({ value: { ...value, sizes, strides }, row });
    row += value.columns;
  }
  if (pieces.length <= maxPieces) return pieces;
  const { sizes } = pieces[0].value;
  const joined = arena.value(name, sizes, row);
  const loops = sizes.map((_, i) => i);
  for (const piece of pieces) {
    operations.push({
      kind: "reduce",
      name: `copy_${name}_${piece.row}`,
      batch: "kept",
      kept: sizes,
      reduced: [],
      columns: piece.value.columns,
      input: viewOf(piece.value, loops),
      output: viewOf(joined, loops, piece.row),
      scale: 1,
    });
  }
  return [{ value: joined, row: 0 }];
}

/** A sum that a producer of a tensor collects on the way, for a step of the schedule that reads the tensor. */
export interface CollectedSum {
  readonly step: number;
  /** Dimension that is summed away. */
  readonly dim: number;
  /** Where sums are collected, once a thread, and where they end up. */
  readonly collect: Value;
  readonly value: Value;
  readonly scale: number;
}

/** The sums of a tensor, which the schedule calls `readAs`, that it asks for directly. */
export function collectedSums(
  arena: ArenaPlan,
  lowered: LoweredSpec,
  { steps }: Schedule,
  [tensor, readAs]: readonly [number, number],
  columns: number,
  aggregation: Aggregation,
): CollectedSum[] {
  const sizes = lowered.tensors[tensor].dims.map(({ axis }) => lowered.axes[axis].size);
  return steps.flatMap((step, index): CollectedSum[] => {
    if (step.kind !== "reduce") return [];
    const from = steps[step.from];
    if (from.kind !== "input" || from.tensor !== readAs) return [];
    const kept = sizes.toSpliced(step.dim, 1);
    const value = arena.value(`sum ${index} of ${tensor}`, kept, columns);
    const size = value.batch;
    const buffer =
      arena.threads === 1
        ? value.buffer
        : arena.buffer(`parts of sum ${index}`, size, { batched: true, perThread: true });
    const scale = aggregation === "mean" ? 1 / sizes[step.dim] : 1;
    return [{ step: index, dim: step.dim, collect: { ...value, buffer }, value, scale }];
  });
}

/** The view of a sum for loops over the tensor's dimensions, with `extra` steps for loops behind them. */
export function sumView(
  { collect, dim }: CollectedSum,
  rank: number,
  extra: readonly number[],
): View {
  const loops = Array.from({ length: rank }, (_, i) => (i === dim ? null : i < dim ? i : i - 1));
  const view = viewOf(collect, loops);
  return { ...view, strides: [...view.strides, ...extra] };
}

/** Operations that bring sums from where threads collected them to where they are read. */
export function finishSums(sums: readonly CollectedSum[]): Operation[] {
  return sums.flatMap(({ step, collect, value, scale }): Operation[] =>
    collect.buffer === value.buffer && scale === 1
      ? []
      : [
          {
            kind: "combine",
            name: `finish_${step}`,
            from: collect.buffer,
            to: value.buffer,
            scale,
          },
        ],
  );
}
