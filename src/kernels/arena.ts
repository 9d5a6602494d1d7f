// The arena of a model: which arrays it holds, as they are planned, and where they lie once all are known.

import { sizeOf, stridesOf } from "../core/shapes.ts";
import { bytesOf, type Layout } from "./nest.ts";
import type { Buffer, Operation, View } from "./wasm/operations.ts";

/** An array of networks in a buffer: rows of columns, indexed by network and by loops of these sizes. */
export interface Value {
  readonly buffer: number;
  readonly offset: number;
  /** Step to the next network. */
  readonly batch: number;
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly columns: number;
}

/** Collects buffers, and operations in the order in which they run. */
export interface ArenaPlan {
  readonly threads: number;
  readonly buffers: readonly Buffer[];
  buffer(name: string, size: number, options?: { batched?: boolean; perThread?: boolean }): number;
  /** A new array of every network, [...sizes, columns] row-major. */
  value(name: string, sizes: readonly number[], columns: number): Value;
}

export function planArena(threads: number): ArenaPlan {
  const buffers: Buffer[] = [];
  const buffer: ArenaPlan["buffer"] = (name, size, { batched = false, perThread = false } = {}) => {
    buffers.push({ name, size, batched, perThread });
    return buffers.length - 1;
  };
  return {
    threads,
    buffers,
    buffer,
    value: (name, sizes, columns) => {
      const size = sizeOf(sizes) * columns;
      return {
        buffer: buffer(name, size, { batched: true }),
        offset: 0,
        batch: size,
        sizes,
        strides: stridesOf(sizes).map((stride) => stride * columns),
        columns,
      };
    },
  };
}

/** A value as a view whose loops have these steps, in units of the value's own loops; null is a loop it does not have. */
export function viewOf(value: Value, loops: readonly (number | null)[], offset = 0): View {
  return {
    buffer: value.buffer,
    offset: value.offset + offset,
    batch: value.batch,
    strides: loops.map((loop) => (loop === null ? 0 : value.strides[loop])),
  };
}

/** A value as a view whose loops are its own. */
export const wholeView = (value: Value): View =>
  viewOf(
    value,
    value.sizes.map((_, i) => i),
  );

/** A row of numbers that is the same for every network and index. */
export const constantRow = (buffer: number, offset: number, loops: number): View => ({
  buffer,
  offset,
  batch: 0,
  strides: Array.from({ length: loops }, () => 0),
});

/** Bytes at the beginning that threads use to wait for each other. */
export const headBytes = 64;
/** Bytes behind the last buffer: vectors at the end of a row read further than the row. */
const slackBytes = 128;
const alignment = 16;

/** Places all buffers: those without a batch first, the others one after another, each in proportion to the batch. */
export function layOut(buffers: readonly Buffer[], threads: number): Layout {
  const copies = ({ perThread }: Buffer) => (perThread === true ? threads : 1);
  const base: number[] = [];
  const perNetwork: number[] = [];
  let shared = headBytes;
  for (const [i, buffer] of buffers.entries()) {
    if (buffer.batched) continue;
    base[i] = shared;
    perNetwork[i] = 0;
    shared += Math.ceil((bytesOf(buffer.size) * copies(buffer)) / alignment) * alignment;
  }
  let network = 0;
  for (const [i, buffer] of buffers.entries()) {
    if (!buffer.batched) continue;
    base[i] = shared;
    perNetwork[i] = network;
    network += bytesOf(buffer.size) * copies(buffer);
  }
  return {
    buffers,
    base,
    perNetwork,
    threads,
    bytes: (batch) => shared + batch * network + slackBytes,
  };
}

/** Operations that run one after another, under a name. */
export interface Pass {
  readonly name: string;
  readonly operations: readonly Operation[];
}
