// A pass as one function: a few networks go through all operations before the next ones do, so that what one operation
// writes is still in the cache when the next one reads it.

import type { Layout } from "../nest.ts";
import type { FunctionReference, FunctionWriter, ModuleWriter } from "./assembler.ts";
import { get, i32, type Instruction, type Local, op, set } from "./instructions.ts";
import type { Buffer, Operation } from "./operations.ts";

/** An operation as a function of (batch, first, count), with several threads (..., thread, part, parts). */
export interface PassOperation {
  readonly operation: Operation;
  readonly kernel: FunctionReference;
  /** One thread does it. */
  readonly alone: boolean;
}

/** Operations for a few networks at a time, or for all at once. */
interface Block<T extends PassOperation> {
  readonly byNetwork: boolean;
  readonly operations: readonly T[];
}

/** Bytes that a cache should hold of the networks which are worked on. */
const cacheBytes = 2 ** 21;

/** Networks that go through a pass together. */
export function networksTogether({ buffers, threads }: Layout): number {
  const bytes = buffers.reduce(
    (sum, { size, batched, perThread }) =>
      batched ? sum + 4 * size * (perThread === true ? threads : 1) : sum,
    0,
  );
  return Math.max(1, Math.floor(cacheBytes / Math.max(1, bytes)));
}

/** Whether an operation on a part of the networks neither reads nor spoils what belongs to the others. */
function isByNetwork(operation: Operation, buffers: readonly Buffer[]): boolean {
  switch (operation.kind) {
    case "stream":
    case "outer":
    case "multiply":
    case "entries":
    case "normalize":
      return true;
    case "reduce":
      return operation.batch === "kept";
    case "combine":
      return buffers[operation.from].batched;
    case "clear":
    case "expand":
    case "collect":
      return false;
  }
}

/**
 * Operations in the order in which they run: what comes first for all networks, then everything that goes by network, then
 * the rest for all. Sums over the batch between the others are taken at the end; nothing before it reads them.
 */
export function inBlocks<T extends PassOperation>(
  operations: readonly T[],
  buffers: readonly Buffer[],
): Block<T>[] {
  const byNetwork = ({ operation }: T) => isByNetwork(operation, buffers);
  const start = operations.findIndex(byNetwork);
  if (start < 0) return [{ byNetwork: false, operations }];
  const rest = operations.slice(start);
  return [
    { byNetwork: false, operations: operations.slice(0, start) },
    { byNetwork: true, operations: rest.filter(byNetwork) },
    { byNetwork: false, operations: rest.filter((one) => !byNetwork(one)) },
  ].filter((block) => block.operations.length > 0);
}

export interface PassOptions {
  readonly threads: number;
  readonly together: number;
  /** After it, all threads are at the same place; undefined for one thread. */
  readonly meeting: FunctionReference | undefined;
}

/** Adds the function of a pass, of (batch, thread). */
export function writePass<T extends PassOperation>(
  module: ModuleWriter,
  name: string,
  blocks: readonly Block<T>[],
  options: PassOptions,
): void {
  module.func(name, ["batch", "thread"], (writer) => {
    const { meeting, threads } = options;
    const [batch] = writer.parameters;
    // Without anything to do, threads meet all the same: the next pass must not begin before all know of this one.
    if (meeting !== undefined && blocks.every(({ operations }) => operations.length === 0))
      writer.emit(meeting.call());
    for (const { byNetwork, operations } of blocks) {
      if (meeting === undefined) {
        if (byNetwork) writeByNetwork(writer, operations, options, i32(0), get(batch));
        else
          for (const { kernel } of operations)
            writer.emit(kernel.call(get(batch), i32(0), get(batch)));
        continue;
      }
      const rows = () => writeShared(writer, operations, meeting, threads);
      if (!byNetwork) {
        rows();
        continue;
      }
      // Networks enough: every thread takes some through all operations and waits once.
      const enough = i32(2 * threads);
      writer.when(op("i32.lt_u", get(batch), enough), rows);
      writer.when(op("i32.le_u", enough, get(batch)), () => {
        const [from, to] = networksOf(writer, threads);
        writeByNetwork(writer, operations, options, get(from), get(to));
        writer.emit(meeting.call());
      });
    }
  });
}

/** The networks of this thread: locals `from` and `to`. */
function networksOf(writer: FunctionWriter, threads: number): [Local, Local] {
  const [batch, thread] = writer.parameters;
  const [from, to] = [writer.local("i32", "from"), writer.local("i32", "to")];
  const share = (index: Instruction) =>
    op("i32.div_u", op("i32.mul", get(batch), index), i32(threads));
  writer.emit(set(from, share(get(thread))), set(to, share(op("i32.add", get(thread), i32(1)))));
  return [from, to];
}

/** A few networks at a time, from one to another, through all operations. */
function writeByNetwork(
  writer: FunctionWriter,
  operations: readonly PassOperation[],
  { threads, together }: PassOptions,
  from: Instruction,
  to: Instruction,
): void {
  const [batch, thread] = writer.parameters;
  const [first, count] = [writer.local("i32", "first"), writer.local("i32", "count")];
  writer.loop(first, from, to, together, () => {
    writer.emit(set(count, op("i32.sub", to, get(first))));
    if (together === 1) writer.emit(set(count, i32(1)));
    else
      writer.when(op("i32.gt_u", get(count), i32(together)), () =>
        writer.emit(set(count, i32(together))),
      );
    const alone = threads === 1 ? [] : [get(thread), i32(0), i32(1)];
    for (const { kernel } of operations)
      writer.emit(kernel.call(get(batch), get(first), get(count), ...alone));
  });
}

/** All networks at once: threads share the rows of every operation and meet after it. */
function writeShared(
  writer: FunctionWriter,
  operations: readonly PassOperation[],
  meeting: FunctionReference,
  threads: number,
): void {
  const [batch, thread] = writer.parameters;
  for (const [i, { kernel, alone }] of operations.entries()) {
    const run = (part: Instruction, parts: number) =>
      writer.emit(kernel.call(get(batch), i32(0), get(batch), get(thread), part, i32(parts)));
    if (alone) writer.when(op("i32.eqz", get(thread)), () => run(i32(0), 1));
    else run(get(thread), threads);
    // Small operations in a row need no meeting between them: one thread does them all.
    const goesOn = alone && (operations[i + 1]?.alone ?? false);
    if (!goesOn) writer.emit(meeting.call());
  }
}
