// What the forward pass of derived tensors leaves for their gradients: plain data.

import type { Value } from "../arena.ts";
import type { KernelProducts } from "../stack.ts";

/** Coefficients of a formula in the arena; where gradients are added to, or -1 for frozen ones. */
export interface FormulaCoefficients {
  readonly buffer: number;
  readonly gradient: number;
  /** A copy [to * channels, from * channels] of a full matrix, for gradients; else -1. */
  readonly transposed: number;
}

/** What the backward pass of products needs. */
export interface ProductsState {
  readonly products: KernelProducts;
  /** By atomic tensor. */
  readonly values: readonly Value[];
  readonly coefficients: ReadonlyMap<number, FormulaCoefficients>;
  /** By tensor that is read: the tensor of the base that it is, or null where it has an array of its own. */
  readonly aliases: readonly (number | null)[];
  /** Tensors that are computed again in the backward pass. */
  readonly cheap: ReadonlySet<number>;
}
