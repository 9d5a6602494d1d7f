// The plan of an equivariant layer as plain data. Every basis term is reduce -> mix channels -> place; all terms that carry
// the same axes through share one matrix product, so a plan is a list of products between reductions and placements.

/** One axis carried from input to output by all terms of a product. */
export interface Slot {
  /** Index into the lowered axes. */
  readonly axis: number;
  readonly size: number;
  /** Slot of the enclosing axis, or null. */
  readonly parent: number | null;
  /** Net power of the axis's scale carried along (0 unless scale parts are respected). */
  readonly charge: number;
}

/** One block of a tensor's dimensions: they are equal along it. */
export interface Block {
  readonly dims: readonly number[];
  /** The slot that carries this block, or null: reduced on the input side, broadcast on the output side. */
  readonly slot: number | null;
}

/** A tensor read through, or written along, a partition of its dimensions. */
export interface Pattern {
  /** Atomic tensor id. */
  readonly tensor: number;
  readonly blocks: readonly Block[];
}

/** One matrix product: every feature (reduction) meets every target (placement); each such pair is one basis term. */
export interface Product {
  readonly slots: readonly Slot[];
  readonly features: readonly Pattern[];
  readonly targets: readonly Pattern[];
}

/** A layer as data: matrix products, each between features that carry the same axes. */
export interface Plan {
  readonly products: readonly Product[];
  /** Number of basis terms: the sum of features times targets. */
  readonly terms: number;
}

/** Entries per network that a product's rows have: the product of its slot sizes. */
export function slotEntries(product: Product): number {
  return product.slots.reduce((entries, { size }) => entries * size, 1);
}
