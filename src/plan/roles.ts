// Lowered specs whose tensors are only read or only written: maps between different weight spaces.

import type { AtomicTensor, LoweredSpec } from "../symmetry/lower.ts";
import { isRead } from "../symmetry/formula.ts";

/** With one number behind all tensors, only written: what a plan reads for it are all invariants. */
export function withNumber(lowered: LoweredSpec): LoweredSpec {
  const name = "~number";
  const number: AtomicTensor = {
    id: lowered.tensors.length,
    name,
    source: name,
    dims: [],
    fixed: [],
    fixedSize: 1,
    order: [],
    role: "target",
  };
  return { ...lowered, tensors: [...lowered.tensors, number] };
}

/** All tensors only read, and one number written. */
export function readAll(lowered: LoweredSpec): LoweredSpec {
  const tensors = lowered.tensors.map((tensor): AtomicTensor => {
    return isRead(tensor) ? { ...tensor, role: "feature" } : tensor;
  });
  return withNumber({ ...lowered, tensors });
}

export interface CollapsedSpec {
  /** The tensors without their anonymous fixed blocks (kernel positions, flattened images). */
  readonly inner: LoweredSpec;
  /** Tensors as they are, only read, then those of `inner`, only written. */
  readonly both: LoweredSpec;
}

/** Maps from weights with kernels to weights without. */
export function collapseBlocks(lowered: LoweredSpec): CollapsedSpec {
  const tensors = lowered.tensors.map((tensor): AtomicTensor => {
    const fixed = tensor.fixed.filter(({ axis }) => axis !== null);
    const fixedSize = fixed.reduce((n, { size }) => n * size, 1);
    const places = fixed.map((_, i) => tensor.dims.length + i);
    return { ...tensor, fixed, fixedSize, order: [...tensor.dims.map((_, i) => i), ...places] };
  });
  const features = lowered.tensors.map((tensor): AtomicTensor => ({ ...tensor, role: "feature" }));
  const targets = tensors.map((tensor, i): AtomicTensor => ({
    ...tensor,
    id: features.length + i,
    role: "target",
  }));
  return {
    inner: { ...lowered, tensors },
    both: { ...lowered, tensors: [...features, ...targets] },
  };
}
