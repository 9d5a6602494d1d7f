// How much work an operation is: what decides whether threads share it.

import { sizeOf } from "../core/shapes.ts";
import type { Operation } from "./wasm/operations.ts";
import type { KernelProgram } from "./program.ts";

/** Multiplications and additions of numbers, for one network. */
export function workOf(operation: Operation): number {
  switch (operation.kind) {
    case "stream": {
      const { sizes, products, addends, sums, columns } = operation;
      const inner = products.reduce((sum, part) => sum + part.inner, 0);
      return sizeOf(sizes) * columns * (inner + addends.length + sums.length + 1);
    }
    case "outer":
      return sizeOf(operation.sizes) * operation.inner * operation.columns;
    case "entries":
      return 10 * sizeOf(operation.sizes) * operation.columns;
    case "normalize":
      return 4 * sizeOf(operation.sizes) * operation.columns;
    case "multiply":
    case "reduce":
      return sizeOf(operation.kept) * sizeOf(operation.reduced) * operation.columns;
    case "clear":
    case "combine":
    case "expand":
    case "collect":
      return 0;
  }
}

/** Of all operations of a pass. */
export function workOfPass({ passes }: KernelProgram, name: string): number {
  const operations = passes.find((pass) => pass.name === name)?.operations ?? [];
  return operations.reduce((sum, operation) => sum + workOf(operation), 0);
}
