// How much work an operation is: what decides whether threads share it.

import type { Operation } from "./wasm/operations.ts";
import type { KernelProgram } from "./program.ts";

const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1);

/** Multiplications and additions of numbers, for one network. */
export function workOf(operation: Operation): number {
  switch (operation.kind) {
    case "stream": {
      const { sizes, products, addends, sums, columns } = operation;
      const inner = products.reduce((sum, part) => sum + part.inner, 0);
      return product(sizes) * columns * (inner + addends.length + sums.length + 1);
    }
    case "outer":
      return product(operation.sizes) * operation.inner * operation.columns;
    case "reduce":
      return product(operation.kept) * product(operation.reduced) * operation.columns;
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
