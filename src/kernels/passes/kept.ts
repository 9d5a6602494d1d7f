// How much of a forward pass its backward pass needs: arrays of networks that one writes and the other reads.

import type { Buffer, Operation, View } from "../wasm/operations.ts";
import type { KernelProgram } from "../program.ts";

/** Buffers that an operation writes. */
function writtenBy(operation: Operation): readonly number[] {
  switch (operation.kind) {
    case "stream": {
      const { output, before, sums } = operation;
      return [output, ...(before ? [before] : []), ...sums].map(({ buffer }) => buffer);
    }
    case "combine":
      return [operation.to];
    case "clear":
      return operation.buffers;
    case "expand":
      return [operation.matrix];
    case "collect":
      return [operation.table];
    default:
      return [operation.output.buffer];
  }
}

/** Buffers that an operation reads. */
function readBy(operation: Operation): readonly number[] {
  const buffers = (views: readonly (View | null)[]) =>
    views.flatMap((view) => (view === null ? [] : [view.buffer]));
  switch (operation.kind) {
    case "stream": {
      const { products, addends, derivative } = operation;
      const rows = [...products.map(({ x }) => x), ...addends.map(({ view }) => view)];
      return buffers([...rows, derivative?.of ?? null]);
    }
    case "reduce":
      return buffers([operation.input]);
    case "outer":
      return buffers([operation.x, operation.g]);
    case "multiply":
      return buffers([operation.x, operation.y]);
    case "entries":
    case "normalize":
      return buffers([operation.x, operation.gradient]);
    case "combine":
      return [operation.from];
    case "expand":
      return [operation.table];
    case "collect":
      return [operation.matrix];
    case "clear":
      return [];
  }
}

/** Arrays of networks that the forward pass reads or makes and the backward pass reads, before it writes them itself. */
export function keptBuffers({ passes, inputs, layout }: KernelProgram): Buffer[] {
  const of = (name: string) => passes.find((pass) => pass.name === name)?.operations ?? [];
  const made = new Set(inputs.map(({ buffer }) => buffer));
  for (const buffer of of("forward").flatMap(writtenBy)) made.add(buffer);
  const kept = new Set<number>();
  const own = new Set<number>();
  for (const operation of of("backward")) {
    for (const buffer of readBy(operation))
      if (made.has(buffer) && !own.has(buffer)) kept.add(buffer);
    for (const buffer of writtenBy(operation)) own.add(buffer);
  }
  return [...kept].map((at) => layout.buffers[at]).filter(({ batched }) => batched);
}

/** Bytes of {@link keptBuffers} for one network. */
export const keptBytes = (program: KernelProgram): number =>
  keptBuffers(program).reduce((sum, { size }) => sum + 4 * size, 0);
