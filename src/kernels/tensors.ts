// Writes the tensors between layers, each in one pass: what a layer makes of them, the activation or its derivative, and
// the sums that the next reader asks for.

import type { LoweredSpec } from "../symmetry/lower.ts";
import type { Schedule } from "../plan/schedule.ts";
import { type ArenaPlan, type Value, wholeView } from "./arena.ts";
import type { TensorParts } from "./mix.ts";
import type { Operation, View } from "./wasm/operations.ts";
import type { PointwiseName } from "./pointwise.ts";
import {
  type Aggregation,
  type CollectedSum,
  collectedSums,
  finishSums,
  sumView,
} from "./readings.ts";

/** Who reads the tensors next. */
export interface NextReader {
  readonly schedule: Schedule;
  readonly aggregation: Aggregation;
}

export interface TensorsOptions {
  readonly arena: ArenaPlan;
  readonly operations: Operation[];
  /** Buffers that must be zero when the pass begins. */
  readonly cleared: number[];
  readonly name: string;
  readonly lowered: LoweredSpec;
  readonly parts: readonly TensorParts[];
  readonly channels: number;
  /** Loop over the fixed entries of a tensor too; its rows are then single channels. */
  readonly splitFixed: boolean;
  readonly activation: PointwiseName;
  /** Keep values before the activation. */
  readonly keepBefore: boolean;
  /** Multiply by the derivative of this activation at these values. */
  readonly derivative?: { readonly activation: PointwiseName; readonly of: readonly Value[] };
  readonly next: NextReader | null;
}

export interface WrittenTensors {
  readonly values: readonly Value[];
  /** Values before the activation, where they are kept. */
  readonly before: readonly Value[];
  /** Sums by step of the next reader's schedule. */
  readonly known: ReadonlyMap<number, Value>;
}

export function writeTensors(options: TensorsOptions): WrittenTensors {
  const { arena, operations, cleared, name, lowered, channels, next } = options;
  const values: Value[] = [];
  const before: Value[] = [];
  const known = new Map<number, Value>();
  for (const { id, dims, fixedSize } of lowered.tensors) {
    const sizes = dims.map(({ axis }) => lowered.axes[axis].size);
    const columns = fixedSize * channels;
    const value = arena.value(`${name} tensor ${id}`, sizes, columns);
    if (options.keepBefore) before.push(arena.value(`${name} before ${id}`, sizes, columns));
    const sums =
      next === null
        ? []
        : collectedSums(arena, lowered, next.schedule, id, columns, next.aggregation);
    cleared.push(...sums.map(({ collect }) => collect.buffer));
    operations.push(
      tensorOperation(options, id, sizes, value, before[id], sums),
      ...finishSums(sums),
    );
    for (const sum of sums) known.set(sum.step, sum.value);
    values.push(value);
  }
  return { values, before, known };
}

function tensorOperation(
  { name, lowered, parts, channels, splitFixed, activation, derivative }: TensorsOptions,
  id: number,
  sizes: readonly number[],
  value: Value,
  before: Value | undefined,
  sums: readonly CollectedSum[],
): Operation {
  const { fixedSize } = lowered.tensors[id];
  const extra = splitFixed ? [channels] : [];
  const viewOf = (of: Value): View => {
    const view = wholeView(of);
    return { ...view, strides: [...view.strides, ...extra] };
  };
  return {
    kind: "stream",
    name: `${name}_tensor_${id}`,
    sizes: splitFixed ? [...sizes, fixedSize] : sizes,
    columns: splitFixed ? channels : fixedSize * channels,
    products: parts[id].products,
    addends: parts[id].addends,
    activation,
    ...(derivative && {
      derivative: { activation: derivative.activation, of: viewOf(derivative.of[id]) },
    }),
    ...(before && { before: viewOf(before) }),
    output: viewOf(value),
    sums: sums.map((sum) => sumView(sum, sizes.length, extra)),
  };
}
