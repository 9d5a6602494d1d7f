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
  /** The reader's number of a tensor; undefined where it does not read it as it is written. @default the same */
  readonly readAs?: (id: number) => number | undefined;
}

export interface Derivative {
  readonly activation: PointwiseName;
  readonly of: Value;
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
  /** Which tensors are written. @default all */
  readonly writes?: (id: number) => boolean;
  readonly activation: (id: number) => PointwiseName;
  /** Keep values before the activation. */
  readonly keepBefore: (id: number) => boolean;
  /** Multiply by the derivative of an activation at these values. */
  readonly derivative?: (id: number) => Derivative | null;
  readonly next: NextReader | null;
}

/** Lists are by tensor, with holes where none was written. */
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
  const { writes = () => true } = options;
  const sumsOf = (id: number, columns: number): CollectedSum[] => {
    if (next === null) return [];
    const readAs = next.readAs === undefined ? id : next.readAs(id);
    if (readAs === undefined) return [];
    return collectedSums(arena, lowered, next.schedule, [id, readAs], columns, next.aggregation);
  };
  for (const { id, dims, fixedSize } of lowered.tensors) {
    if (!writes(id)) continue;
    const sizes = dims.map(({ axis }) => lowered.axes[axis].size);
    const columns = fixedSize * channels;
    const value = arena.value(`${name} tensor ${id}`, sizes, columns);
    if (options.keepBefore(id)) before[id] = arena.value(`${name} before ${id}`, sizes, columns);
    const sums = sumsOf(id, columns);
    cleared.push(...sums.map(({ collect }) => collect.buffer));
    operations.push(
      tensorOperation(options, id, sizes, value, before[id], sums),
      ...finishSums(sums),
    );
    for (const sum of sums) known.set(sum.step, sum.value);
    values[id] = value;
  }
  return { values, before, known };
}

function tensorOperation(
  options: TensorsOptions,
  id: number,
  sizes: readonly number[],
  value: Value,
  before: Value | undefined,
  sums: readonly CollectedSum[],
): Operation {
  const { name, lowered, parts, channels, splitFixed } = options;
  const { fixedSize } = lowered.tensors[id];
  const derivative = options.derivative?.(id) ?? null;
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
    activation: options.activation(id),
    ...(derivative && {
      derivative: { activation: derivative.activation, of: viewOf(derivative.of) },
    }),
    ...(before && { before: viewOf(before) }),
    output: viewOf(value),
    sums: sums.map((sum) => sumView(sum, sizes.length, extra)),
  };
}
